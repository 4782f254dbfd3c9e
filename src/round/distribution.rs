use crate::model::{Family, Labels, Role, Sample};

/// A histogram of our own: fixed bounds, counts, a sum.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    bounds: &'static [f64],
    counts: Vec<u64>,
    beyond: u64,
    sum: f64,
}

/// Bounds for times in seconds: from a merge in memory to a long scrape timeout.
pub(super) const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bounds for sizes in bytes.
pub(super) const BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

impl Distribution {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], beyond: 0, sum: 0.0 }
    }

    pub(super) fn observe(&mut self, value: f64) {
        let count = self.bounds.iter().zip(&mut self.counts).find(|(bound, _)| value <= **bound).map(|(_, count)| count);
        *count.unwrap_or(&mut self.beyond) += 1;
        self.sum += value;
    }

    /// Adds it to `family` as the child with these labels.
    pub(super) fn push_to<'a>(&self, family: &mut Family<'a>, labels: &Labels<'a>) {
        let mut push =
            |role, value| family.samples.push(Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None });
        let mut total = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            total += count;
            push(Role::Bucket(*bound), total as f64);
        }
        total += self.beyond;
        push(Role::Bucket(f64::INFINITY), total as f64);
        push(Role::Count, total as f64);
        push(Role::Sum, self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MetricType;

    #[test]
    fn buckets_are_cumulative_and_include_their_bound() {
        let mut d = Distribution::new(&[1.0, 2.0]);
        [0.5, 1.0, 1.5, 9.0].into_iter().for_each(|v| d.observe(v));
        let mut family = Family::new("f", MetricType::Histogram, "");
        d.push_to(&mut family, &Labels::new());
        let got: Vec<_> = family.samples.iter().map(|s| s.value).collect();
        assert_eq!(got, [2.0, 3.0, 4.0, 4.0, 12.0]);
    }
}
