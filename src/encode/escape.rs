//! Names outside the legacy character set, for scrapers that can't read them. The schemes are those of Prometheus' escaping
//! specification; where its text and its code differ, the code is followed.

use super::{Escaping, SampleView};
use crate::model::{MetricType, Role, is_legacy_label_name, is_legacy_metric_name, sample_head, sample_name, split_head};
use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;
use std::fmt::Write;

/// A metric name as the scheme writes it. Suffixes of samples come after: they are not part of what is escaped.
pub(super) fn metric_name(name: &str, escaping: Escaping) -> Cow<'_, str> {
    if is_legacy_metric_name(name) { Cow::Borrowed(name) } else { escape(name, escaping, ":") }
}

/// A label name as the scheme writes it.
pub(super) fn label_name(name: &str, escaping: Escaping) -> Cow<'_, str> {
    if is_legacy_label_name(name) { Cow::Borrowed(name) } else { escape(name, escaping, "") }
}

/// Escapes a name that isn't legal; `also` lists what is, beside letters, digits and `_`.
fn escape<'n>(name: &'n str, escaping: Escaping, also: &str) -> Cow<'n, str> {
    let legal = |at: usize, c: char| c.is_ascii_alphabetic() || c == '_' || (at > 0 && c.is_ascii_digit()) || also.contains(c);
    let mut out = String::with_capacity(2 * name.len());
    match escaping {
        Escaping::AllowUtf8 => return Cow::Borrowed(name),
        Escaping::Underscores => out.extend(name.char_indices().map(|(at, c)| if legal(at, c) { c } else { '_' })),
        Escaping::Dots => {
            for (at, c) in name.char_indices() {
                match c {
                    '.' => out.push_str("_dot_"),
                    c if c != '_' && legal(at, c) => out.push(c),
                    _ => out.push_str("__"),
                }
            }
        }
        Escaping::Values => {
            out.push_str("U__");
            for (at, c) in name.char_indices() {
                match c {
                    '_' => out.push_str("__"),
                    c if legal(at, c) => out.push(c),
                    // Writing to a String can't fail.
                    c => _ = write!(out, "_{:x}_", u32::from(c)),
                }
            }
        }
    }
    Cow::Owned(out)
}

/// The head of a sample with its names escaped; `family` is escaped already. `None` if two labels get one name.
pub(super) fn head(family: &str, kind: MetricType, sample: &SampleView<'_>, escaping: Escaping) -> Option<String> {
    let own = match sample.role {
        Role::Bucket(_) => "le",
        Role::Quantile(_) => "quantile",
        _ => "",
    };
    let (_, mut labels) = split_head(sample.head)?;
    labels.retain(|(name, _)| name != own);
    for (name, _) in &mut labels {
        if let Cow::Owned(escaped) = label_name(name, escaping) {
            *name = Cow::Owned(escaped);
        }
    }
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    let distinct = labels.is_sorted_by(|a, b| a.0 < b.0) && labels.iter().all(|(name, _)| name != "__name__" && name != own);
    distinct.then(|| sample_head(family, kind, sample.role, &labels))
}

/// Which names are in use, and whether escaping made them.
#[derive(Debug)]
pub(super) struct Taken {
    escaped_by_name: HashMap<String, bool>,
}

impl Taken {
    pub(super) fn new() -> Self {
        Self { escaped_by_name: HashMap::new() }
    }

    /// Takes the sample names of a family. `false`, and none is taken, if another family has one of them through escaping, on
    /// either side.
    pub(super) fn take(&mut self, family: &str, kind: MetricType, escaped: bool) -> bool {
        let roles: &[Role] = match kind {
            MetricType::Counter => &[Role::Value, Role::Created],
            MetricType::Histogram | MetricType::GaugeHistogram => &[Role::Bucket(0.0), Role::Count, Role::Sum, Role::Created],
            MetricType::Summary => &[Role::Quantile(0.0), Role::Count, Role::Sum, Role::Created],
            _ => &[Role::Value],
        };
        let names: Vec<String> = roles.iter().map(|role| sample_name(family, kind, *role).into_owned()).collect();
        if names.iter().any(|name| self.escaped_by_name.get(name).is_some_and(|before| *before || escaped)) {
            return false;
        }
        self.escaped_by_name.extend(names.into_iter().map(|name| (name, escaped)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Escaping::{AllowUtf8, Dots, Underscores, Values};

    #[test]
    fn names_by_scheme() {
        for (name, underscores, dots, values) in [
            ("a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"),
            ("1ü", "__", "____", "U___31__fc_"),
            ("legal_name:x", "legal_name:x", "legal_name:x", "legal_name:x"),
            ("http.req/日", "http_req__", "http_dot_req____", "U__http_2e_req_2f__65e5_"),
        ] {
            assert_eq!(metric_name(name, AllowUtf8), name);
            assert_eq!(metric_name(name, Underscores), underscores);
            assert_eq!(metric_name(name, Dots), dots);
            assert_eq!(metric_name(name, Values), values);
        }
        assert_eq!(label_name("a:b", Underscores), "a_b", "a colon is legal in metric names only");
    }

    #[test]
    fn heads_keep_their_bound_and_their_values() {
        let labels = [("a.b", "x\"y\\"), ("z", "1")];
        let canonical = sample_head("h.x", MetricType::Histogram, Role::Bucket(1.0), &labels);
        let sample = SampleView { head: &canonical, role: Role::Bucket(1.0), value: 0.0, exemplar: None };
        let escaped = head("h_x", MetricType::Histogram, &sample, Underscores);
        assert_eq!(escaped.as_deref(), Some(r#"h_x_bucket{a_b="x\"y\\",le="1.0",z="1"}"#));
    }

    #[test]
    fn labels_that_coincide_are_no_head() {
        for labels in [[("a.b", "1"), ("a_b", "2")], [("..name..", "1"), ("x", "2")]] {
            let canonical = sample_head("m", MetricType::Gauge, Role::Value, &labels);
            let sample = SampleView { head: &canonical, role: Role::Value, value: 0.0, exemplar: None };
            assert_eq!(head("m", MetricType::Gauge, &sample, Underscores), None);
        }
    }

    #[test]
    fn names_are_taken_once_if_escaping_made_them() {
        let mut taken = Taken::new();
        assert!(taken.take("a_b", MetricType::Histogram, true));
        assert!(!taken.take("a_b_count", MetricType::Gauge, false));
        assert!(taken.take("legal", MetricType::Gauge, false));
        assert!(taken.take("legal", MetricType::Counter, false), "a clash that was there before is none of escaping's");
        assert!(!taken.take("legal", MetricType::Gauge, true));
    }
}
