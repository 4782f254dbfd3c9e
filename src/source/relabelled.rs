//! Static labels and relabelling for all kinds but the workers: what they show, as the rules make it, once a round.
//!
//! The workers' pool does this itself, once per new series; the series of other kinds are looked at again every time. Rules see the
//! labels that tell targets apart too (`target`, `addr`, `stats_uri`); where dropping them makes series of two targets one, the first
//! target's stays and the other is counted.

use super::Source;
use crate::encode::{FamilyView, NativeView, Rendered, SampleView};
use crate::merge::{DropReason, Now, Tally, is_reserved};
use crate::model::{Exemplar, Family, Labels, NativeSample, Role, Sample, split_head};
use crate::relabel::Relabelling;
use crate::scrape::{Missed, Part, Receipt, Scraped};
use crate::state::{Parts, Saved, Unreadable};
use std::borrow::Cow;
use std::collections::HashSet;

pub(super) struct Relabelled {
    inner: Box<dyn Source>,
    relabelling: Relabelling,
    shown: Rendered<'static>,
    /// The inner one's, and what was left out here.
    tally: Tally,
    left_out: u64,
    /// Samples that rules gave a name that is not theirs to give.
    reserved: u64,
}

impl Relabelled {
    pub(super) fn new(inner: Box<dyn Source>, relabelling: Relabelling) -> Self {
        Self { inner, relabelling, shown: Rendered::default(), tally: Tally::default(), left_out: 0, reserved: 0 }
    }

    fn relabel(&mut self) {
        // What a source says of itself is no series of its targets.
        let (mut kept, shown): (Vec<_>, Vec<_>) = self.inner.families().iter().map(owned).partition(|f| is_reserved(&f.name));
        let (families, left_out) = self.relabelling.families(shown);
        self.left_out += left_out as u64;
        let mut names = HashSet::new();
        for family in families.into_iter().filter(|f| !f.samples.is_empty() || !f.natives.is_empty()) {
            let samples = (family.samples.len() + family.natives.len()) as u64;
            if is_reserved(&family.name) {
                self.reserved += samples;
            } else if names.insert(family.name.to_string()) {
                kept.push(family);
            } else {
                // Two families made one by their names, of different types.
                self.left_out += samples;
            }
        }
        self.shown = Rendered::new(kept);
    }
}

impl Source for Relabelled {
    fn apply(&mut self, round: &[Option<Scraped>], now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let outcomes = self.inner.apply(round, now);
        self.relabel();
        self.tally = self.inner.tally().clone();
        self.tally.drop(DropReason::RelabelCollision, self.left_out);
        self.tally.drop(DropReason::ReservedName, self.reserved);
        outcomes
    }

    fn receive(&mut self, target: usize, part: Part<'_>) -> Result<Receipt, Missed> {
        self.inner.receive(target, part)
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        self.shown.views()
    }

    fn unmerged(&self) -> Option<Rendered<'static>> {
        self.inner.unmerged()
    }

    fn mark_served(&mut self, now: Now) {
        self.inner.mark_served(now);
    }

    fn save(&self, to: &mut Parts<'_>) {
        self.inner.save(to);
    }

    fn load(&mut self, saved: Saved<'_>) -> Result<(), Unreadable> {
        self.inner.load(saved)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn faults(&self, target: usize) -> Vec<String> {
        self.inner.faults(target)
    }

    fn is_retired(&self, target: usize) -> bool {
        self.inner.is_retired(target)
    }
}

/// The family a view shows.
fn owned(view: &FamilyView<'_>) -> Family<'static> {
    let mut family = Family::new(view.name.to_string(), view.kind, view.help.to_string());
    family.unit = Cow::Owned(view.unit.to_string());
    family.samples = view.samples.iter().map(sample).collect();
    family.natives = view.natives.iter().map(native).collect();
    family
}

fn sample(view: &SampleView<'_>) -> Sample<'static> {
    let mut labels = labels_of(view.head);
    let apart = match view.role {
        Role::Bucket(_) => Some("le"),
        Role::Quantile(_) => Some("quantile"),
        _ => None,
    };
    labels.retain(|(name, _)| apart.is_none_or(|apart| name != apart));
    Sample { role: view.role, labels, value: view.value, timestamp: None, exemplar: view.exemplar.map(own_exemplar) }
}

fn native(view: &NativeView<'_>) -> NativeSample<'static> {
    NativeSample {
        labels: labels_of(view.head),
        timestamp: None,
        histogram: Cow::Owned(view.histogram.clone()),
        exemplars: view.exemplars.iter().map(own_exemplar).collect(),
    }
}

fn labels_of(head: &str) -> Labels<'static> {
    let (_, labels) = split_head(head).unwrap_or_default();
    labels.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))).collect()
}

fn own_exemplar(exemplar: &Exemplar<'_>) -> Exemplar<'static> {
    exemplar.clone().into_owned()
}

#[cfg(all(test, feature = "relabel"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{answer, apply, config, series};
    use super::super::{build, exporter, nginx};
    use super::*;
    use crate::config::SourceConfig;
    use crate::model::MetricType;
    use crate::relabel::{Action, Rule, RuleSpec};

    const STATUS: &str = "Active connections: 3 \nserver accepts handled requests\n 7 7 9 \nReading: 0 Writing: 1 Waiting: 2 \n";

    fn with(mut config: SourceConfig, labels: &[(&str, &str)], rules: Vec<RuleSpec>) -> SourceConfig {
        let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        config.relabelling = Relabelling { labels, rules: rules.into_iter().map(|spec| Rule::new(spec).unwrap()).collect() };
        config
    }

    fn rule(source: &str, regex: &str, target: &str, replacement: &str) -> RuleSpec {
        let text = |text: &str| Some(text.to_string());
        RuleSpec {
            source_labels: Some(vec![source.into()]),
            regex: text(regex),
            target_label: text(target),
            replacement: text(replacement),
            ..RuleSpec::default()
        }
    }

    fn label_drop(regex: &str) -> RuleSpec {
        RuleSpec { regex: Some(regex.into()), action: Action::LabelDrop, ..RuleSpec::default() }
    }

    #[test]
    fn an_exporter_is_relabelled_with_its_histograms_and_escapes() {
        let config = config(&exporter::KIND, &["http://h:1/metrics"]);
        let mut source = build(&with(config, &[("app", "shop")], vec![rule("__name__", "old(.*)", "__name__", "new$1")]));
        let body = "# TYPE old histogram\nold_bucket{v=\"a\\\"b\\n\",le=\"+Inf\"} 2\nold_count{v=\"a\\\"b\\n\"} 2\nold_sum{v=\"a\\\"b\\n\"} 3\ng 1\n";
        apply(source.as_mut(), &[answer(body)]);
        let shown = series(source.as_ref());
        assert_eq!((shown.len(), shown[r#"g{app="shop"}"#], shown[r#"new_sum{app="shop",v="a\"b\n"}"#]), (4, 1.0, 3.0));
    }

    #[test]
    fn series_of_two_targets_are_never_mixed() {
        let config = config(&nginx::KIND, &["http://a:1/s", "http://b:1/s"]);
        let mut source = build(&with(config, &[], vec![label_drop("addr")]));
        apply(source.as_mut(), &[answer(STATUS), answer(STATUS.replace('9', "8"))]);
        let shown = series(source.as_ref());
        assert_eq!((shown.len(), shown["nginx_http_requests_total"]), (8, 9.0), "{shown:?}");
        assert_eq!(source.tally().dropped[&DropReason::RelabelCollision], 8);
        apply(source.as_mut(), &[answer(STATUS), None]);
        assert!(source.tally().dropped[&DropReason::RelabelCollision] >= 8, "counts never fall");
    }

    #[test]
    fn families_of_two_types_do_not_become_one() {
        let config = config(&exporter::KIND, &["http://h:1/metrics"]);
        let mut source = build(&with(config, &[], vec![rule("__name__", "[ab]", "__name__", "n")]));
        apply(source.as_mut(), &[answer("# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b counter\nb{x=\"2\"} 2\n")]);
        let shown = series(source.as_ref());
        assert_eq!((shown.len(), shown[r#"n{x="1"}"#], source.tally().dropped[&DropReason::RelabelCollision]), (1, 1.0, 1));
    }

    #[test]
    fn names_that_are_not_theirs_to_give_are_given_by_no_rules() {
        let config = config(&exporter::KIND, &["http://h:1/metrics"]);
        let mut source = build(&with(config, &[], vec![rule("__name__", "a", "__name__", "up")]));
        apply(source.as_mut(), &[answer("a 1\nb 2\n")]);
        let shown = series(source.as_ref());
        assert_eq!((shown.len(), shown["b"], source.tally().dropped[&DropReason::ReservedName]), (1, 2.0, 1));
    }

    /// A source that tells of itself, too, and of a file it can't read.
    #[derive(Default)]
    struct Telling(Rendered<'static>, Tally);

    impl Source for Telling {
        fn apply(&mut self, _round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
            let of = |name: &'static str| {
                let mut family = Family::new(name, MetricType::Gauge, "");
                family.push([], 1.0);
                family
            };
            self.0 = Rendered::new(vec![of("onescrape_files"), of("files")]);
            Vec::new()
        }

        fn families(&self) -> Vec<FamilyView<'_>> {
            self.0.views()
        }

        fn save(&self, to: &mut Parts<'_>) {
            to.put(1, &7u32);
        }

        fn load(&mut self, _saved: Saved<'_>) -> Result<(), Unreadable> {
            Err(Unreadable::Foreign)
        }

        fn tally(&self) -> &Tally {
            &self.1
        }

        fn faults(&self, _target: usize) -> Vec<String> {
            vec!["unreadable".into()]
        }
    }

    #[test]
    fn what_a_source_tells_of_itself_is_left_alone() {
        let rules = vec![Rule::new(rule("__name__", "(.*)", "__name__", "my_$1")).unwrap()];
        let relabelling = Relabelling { labels: vec![("app".into(), "shop".into())], rules };
        let mut source = Relabelled::new(Box::new(Telling::default()), relabelling);
        source.apply(&[], Now::default());
        assert_eq!(series(&source).into_keys().collect::<Vec<_>>(), ["my_files{app=\"shop\"}", "onescrape_files"]);
        assert_eq!(source.faults(0), ["unreadable"]);
        let mut saved = Vec::new();
        source.save(&mut Parts::new(&mut saved));
        assert_eq!(
            (saved.is_empty(), source.load(Saved::new(&saved))),
            (false, Err(Unreadable::Foreign)),
            "what it keeps it keeps"
        );
    }
}
