//! A merge as it is quickly written around `prometheus-parse`: every body parsed, equal series summed in a map, the map printed.
//! It knows no reset, keeps no order and loses what its parser loses: it is here for what it costs.

use prometheus_parse::{Sample, Scrape, Value};
use std::collections::HashMap;
use std::fmt::Write;

/// Parses an exposition.
pub fn parse(body: &str) -> Vec<Sample> {
    Scrape::parse(body.lines().map(|line| Ok(line.to_owned()))).expect("an iterator that never fails").samples
}

/// Sums by series.
#[derive(Default)]
pub struct Sums(HashMap<String, f64>);

impl Sums {
    /// Adds a body's values.
    pub fn add(&mut self, body: &str) {
        for Sample { metric, value, labels, .. } in parse(body) {
            let mut labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            labels.sort();
            let mut put = |name: &str, le: Option<f64>, value: f64| {
                let le = le.map(|le| format!("le=\"{le}\""));
                let labels: Vec<&str> = labels.iter().map(String::as_str).chain(le.as_deref()).collect();
                *self.0.entry(format!("{name}{{{}}}", labels.join(","))).or_default() += value;
            };
            match value {
                Value::Counter(v) | Value::Gauge(v) | Value::Untyped(v) => put(&metric, None, v),
                Value::Histogram(buckets) => {
                    let name = format!("{metric}_bucket");
                    buckets.iter().for_each(|bucket| put(&name, Some(bucket.less_than), bucket.count));
                }
                Value::Summary(quantiles) => quantiles.iter().for_each(|q| put(&metric, Some(q.quantile), q.count)),
            }
        }
    }

    /// The exposition.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for (series, value) in &self.0 {
            let _ = writeln!(out, "{series} {value}");
        }
        out
    }
}
