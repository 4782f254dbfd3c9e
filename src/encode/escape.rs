//! Names outside the legacy character set, for scrapers that can't read them. The schemes are those of Prometheus' escaping
//! specification; where its text and its code differ, the code is followed.

use super::{Escaping, FamilyView};
use crate::model::{
    Labels, MetricType, Role, child_head, child_labels, is_legacy_label_name, is_legacy_metric_name, sample_head, sample_name,
    sort_labels, split_head,
};
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

/// The heads of a family's samples and natives with all names escaped.
pub(super) struct Heads {
    /// By sample; `None` for those that can't be written.
    pub(super) samples: Vec<Option<String>>,
    /// The same of natives.
    pub(super) natives: Vec<Option<String>>,
}

/// Escapes the heads of a family whose escaped name is `name`. A child whose labels another child before it has after escaping can't
/// be told from that: none of it is written, so that no histogram is a mixture of two.
pub(super) fn heads(name: &str, family: &FamilyView<'_>, escaping: Escaping) -> Heads {
    // By what the labels of a child become: what they were.
    let mut owners: HashMap<String, Cow<'_, str>> = HashMap::new();
    let mut escaped = |head, role| {
        let (_, mut labels) = split_head(head)?;
        escape_labels(&mut labels, role, escaping)?;
        let own = child_labels(head, role);
        let owned = owners.entry(child_head("", &labels)).or_insert_with(|| own.clone());
        (*owned == own).then_some(labels)
    };
    let samples = family.samples.iter().map(|sample| {
        let labels = escaped(sample.head, sample.role)?;
        Some(sample_head(name, family.kind, sample.role, &labels))
    });
    let samples = samples.collect();
    let natives = family.natives.iter().map(|native| Some(child_head(name, &escaped(native.head, Role::Value)?))).collect();
    Heads { samples, natives }
}

/// Escapes the names of labels and takes out that of the role. `None` if two labels get one name, or one gets a name that is taken.
fn escape_labels(labels: &mut Labels<'_>, role: Role, escaping: Escaping) -> Option<()> {
    let own = match role {
        Role::Bucket(_) => "le",
        Role::Quantile(_) => "quantile",
        _ => "",
    };
    labels.retain(|(name, _)| name != own);
    for (name, _) in labels.iter_mut() {
        if let Cow::Owned(escaped) = label_name(name, escaping) {
            *name = Cow::Owned(escaped);
        }
    }
    sort_labels(labels);
    let distinct = labels.is_sorted_by(|a, b| a.0 < b.0) && labels.iter().all(|(name, _)| name != "__name__" && name != own);
    distinct.then_some(())
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
    use crate::encode::{NativeView, SampleView};
    use crate::model::NativeHistogram;
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

    /// What becomes of samples with these labels, and of a native with the last of them.
    fn escaped(kind: MetricType, role: Role, children: &[&[(&str, &str)]]) -> (Vec<Option<String>>, Option<String>) {
        let canonical: Vec<String> = children.iter().map(|labels| sample_head("h.x", kind, role, labels)).collect();
        let samples = canonical.iter().map(|head| SampleView { head, role, value: 0.0, exemplar: None }).collect();
        let native = child_head("h.x", children[children.len() - 1]);
        let histogram = NativeHistogram::default();
        let natives = vec![NativeView { head: &native, histogram: &histogram, exemplars: &[] }];
        let family = FamilyView { name: "h.x", kind, help: "", unit: "", samples, natives };
        let mut heads = heads("h_x", &family, Underscores);
        (heads.samples, heads.natives.remove(0))
    }

    #[test]
    fn heads_keep_their_bound_and_their_values() {
        let (samples, native) = escaped(MetricType::Histogram, Role::Bucket(1.0), &[&[("a.b", "x\"y\\"), ("z", "1")]]);
        assert_eq!(samples[0].as_deref(), Some(r#"h_x_bucket{a_b="x\"y\\",le="1.0",z="1"}"#));
        assert_eq!(native.as_deref(), Some(r#"h_x{a_b="x\"y\\",z="1"}"#));
    }

    #[test]
    fn labels_that_coincide_are_no_head() {
        for labels in [[("a.b", "1"), ("a_b", "2")], [("..name..", "1"), ("x", "2")]] {
            assert_eq!(escaped(MetricType::Gauge, Role::Value, &[&labels]).0, [None]);
        }
    }

    #[test]
    fn of_children_that_coincide_the_first_stays_whole() {
        let (samples, native) = escaped(MetricType::Histogram, Role::Count, &[&[("a.b", "1")], &[("a_b", "1")]]);
        assert_eq!(samples, [Some("h_x_count{a_b=\"1\"}".to_string()), None]);
        assert_eq!(native, None, "it belongs to the second");
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
