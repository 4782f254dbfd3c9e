use std::fmt::Write;

/// Upper bounds of django-prometheus' latency buckets, without `+Inf`.
const LATENCY_BOUNDS: [f64; 16] = [0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0];

/// A latency histogram as the Python client keeps it.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Observations by bucket, not cumulative; the last is `+Inf`.
    counts: [u64; LATENCY_BOUNDS.len() + 1],
    sum: f64,
}

impl Latency {
    pub(super) fn observe(&mut self, seconds: f64) {
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(LATENCY_BOUNDS.len());
        self.counts[bucket] += 1;
        self.sum += seconds;
    }
}

/// Writes an exposition the way prometheus_client does: OpenMetrics with `_created` inside the families, or text 0.0.4 with
/// `_created` as gauge families of their own. Deliberately not this crate's encoder: the demo must look like someone else's program.
pub(super) struct Exposition {
    open_metrics: bool,
    out: String,
}

impl Exposition {
    pub(super) fn new(open_metrics: bool) -> Self {
        Self { open_metrics, out: String::with_capacity(8 << 10) }
    }

    pub(super) fn content_type(open_metrics: bool) -> &'static str {
        if open_metrics {
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
        } else {
            "text/plain; version=0.0.4; charset=utf-8"
        }
    }

    /// A gauge; labels are written as they stand between the braces.
    pub(super) fn gauge(&mut self, name: &str, help: &str, children: &[(String, f64)]) {
        self.head(name, help, "gauge");
        for (labels, value) in children {
            self.sample(name, labels, *value);
        }
    }

    /// A counter, named without `_total`.
    pub(super) fn counter(&mut self, base: &str, help: &str, children: &[(String, f64)], created: f64) {
        let name = format!("{base}_total");
        self.head(if self.open_metrics { base } else { &name }, help, "counter");
        for (labels, value) in children {
            self.sample(&name, labels, *value);
        }
        self.created(base, help, children.iter().map(|(labels, _)| labels.as_str()), created);
    }

    pub(super) fn latency(&mut self, name: &str, help: &str, latency: &Latency, created: f64) {
        self.head(name, help, "histogram");
        let mut total = 0;
        for (i, count) in latency.counts.iter().enumerate() {
            total += count;
            let bound = LATENCY_BOUNDS.get(i).map_or_else(|| "+Inf".to_string(), |b| format!("{b:?}"));
            self.sample(&format!("{name}_bucket"), &format!("le=\"{bound}\""), total as f64);
        }
        self.sample(&format!("{name}_count"), "", total as f64);
        self.sample(&format!("{name}_sum"), "", latency.sum);
        self.created(name, help, std::iter::once(""), created);
    }

    pub(super) fn finish(mut self) -> String {
        if self.open_metrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = match labels {
            "" => writeln!(self.out, "{name} {value:?}"),
            _ => writeln!(self.out, "{name}{{{labels}}} {value:?}"),
        };
    }

    fn created<'l>(&mut self, base: &str, help: &str, children: impl Iterator<Item = &'l str>, created: f64) {
        let name = format!("{base}_created");
        if !self.open_metrics {
            self.head(&name, help, "gauge");
        }
        for labels in children {
            self.sample(&name, labels, created);
        }
    }
}
