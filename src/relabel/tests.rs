use super::*;
use crate::model::{Family, Labels, MetricType, NativeHistogram, NativeSample, Role, Sample};
use crate::parse::text;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `key: value` pairs of one rule; source labels are separated by blanks.
fn rule(keys: &[(&str, &str)]) -> Result<Rule, RuleError> {
    let get = |key: &str| keys.iter().find(|(k, _)| *k == key).map(|(_, value)| value.to_string());
    let action = |word: String| Action::ALL.iter().find(|(_, w)| *w == word).unwrap().0;
    Rule::new(RuleSpec {
        source_labels: get("source_labels").map(|labels| labels.split(' ').map(str::to_string).collect()),
        separator: get("separator"),
        regex: get("regex"),
        modulus: get("modulus").map(|n| n.parse().unwrap()),
        target_label: get("target_label"),
        replacement: get("replacement"),
        action: get("action").map(action).unwrap_or_default(),
    })
}

fn rules(rules: &[&[(&str, &str)]]) -> Relabelling {
    Relabelling { labels: Vec::new(), rules: rules.iter().map(|keys| rule(keys).unwrap()).collect() }
}

fn labels(of: &[(&'static str, &'static str)]) -> Labels<'static> {
    let mut labels: Labels<'static> = of.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    labels.sort();
    labels
}

/// What becomes of the gauge `m` with these labels: name and labels in one line, or that it is gone.
fn gauge(relabelling: &Relabelling, of: &[(&'static str, &'static str)]) -> String {
    match relabelling.sample("m", MetricType::Gauge, Role::Value, &labels(of)) {
        Relabelled::Kept { family, labels } => labels.iter().fold(family, |line, (k, v)| format!("{line} {k}={v}")),
        Relabelled::Dropped => "dropped".into(),
        Relabelled::Odd => "odd".into(),
    }
}

#[test]
fn actions_do_what_prometheus_documents() {
    type Case<'c> = (&'c [&'c [(&'c str, &'c str)]], &'c [(&'static str, &'static str)], &'c str);
    let cases: &[Case<'_>] = &[
        // replace
        (
            &[&[("source_labels", "a"), ("regex", "x(.*)"), ("target_label", "t"), ("replacement", "<$1-${1}>")]],
            &[("a", "xyz")],
            "m a=xyz t=<yz-yz>",
        ),
        (
            &[&[("source_labels", "a b"), ("regex", "(.*);(.*)"), ("target_label", "a"), ("replacement", "$2$1")]],
            &[("a", "1"), ("b", "2")],
            "m a=21 b=2",
        ),
        (&[&[("source_labels", "a b"), ("separator", "/"), ("target_label", "t")]], &[("a", "1")], "m a=1 t=1/"),
        (&[&[("source_labels", "a"), ("regex", "other"), ("target_label", "t"), ("replacement", "y")]], &[("a", "x")], "m a=x"),
        (
            &[&[("source_labels", "a"), ("regex", "part"), ("target_label", "t"), ("replacement", "y")]],
            &[("a", "a part")],
            "m a=a part",
        ),
        (&[&[("source_labels", "a"), ("target_label", "a"), ("replacement", "")]], &[("a", "x"), ("b", "y")], "m b=y"),
        (&[&[("source_labels", "nobody"), ("target_label", "a")]], &[("a", "x")], "m"),
        (&[&[("target_label", "t"), ("replacement", "fix")]], &[], "m t=fix"),
        (
            &[&[("source_labels", "a"), ("regex", "(.+)=(.+)"), ("target_label", "$1"), ("replacement", "$2")]],
            &[("a", "k=v")],
            "m a=k=v k=v",
        ),
        (&[&[("source_labels", "a"), ("regex", "(x)(y)?"), ("target_label", "$2"), ("replacement", "v")]], &[("a", "x")], "m a=x"),
        (
            &[&[("source_labels", "__name__"), ("regex", "(.*)"), ("target_label", "__name__"), ("replacement", "app_$1")]],
            &[],
            "app_m",
        ),
        // one rule sees what the one before has made; `__tmp` labels are gone at the end
        (
            &[
                &[("source_labels", "a"), ("regex", "(.).*"), ("target_label", "__tmp_first")],
                &[("source_labels", "__tmp_first b"), ("separator", ""), ("target_label", "t")],
            ],
            &[("a", "xyz"), ("b", "2")],
            "m a=xyz b=2 t=x2",
        ),
        // keep, drop
        (&[&[("source_labels", "__name__ a"), ("regex", "m;x|n;y"), ("action", "drop")]], &[("a", "x")], "dropped"),
        (&[&[("source_labels", "a"), ("regex", "x"), ("action", "drop")]], &[("a", "xx")], "m a=xx"),
        (&[&[("source_labels", "a"), ("regex", "x.*"), ("action", "keep")]], &[("a", "xx")], "m a=xx"),
        (&[&[("source_labels", "a"), ("regex", "x"), ("action", "keep")]], &[("a", "xx")], "dropped"),
        (&[&[("source_labels", "a"), ("regex", ""), ("action", "drop")]], &[], "dropped"),
        (
            &[&[("source_labels", "a"), ("regex", "x"), ("action", "drop")], &[("target_label", "t"), ("replacement", "y")]],
            &[("a", "x")],
            "dropped",
        ),
        // keepequal, dropequal
        (&[&[("source_labels", "a"), ("target_label", "b"), ("action", "keepequal")]], &[("a", "x"), ("b", "x")], "m a=x b=x"),
        (&[&[("source_labels", "a"), ("target_label", "b"), ("action", "keepequal")]], &[("a", "x"), ("b", "y")], "dropped"),
        (&[&[("source_labels", "a"), ("target_label", "b"), ("action", "dropequal")]], &[("a", "x"), ("b", "x")], "dropped"),
        (&[&[("source_labels", "a"), ("target_label", "b"), ("action", "dropequal")]], &[("a", "x")], "m a=x"),
        // hashmod
        (&[&[("source_labels", "a"), ("target_label", "t"), ("modulus", "1"), ("action", "hashmod")]], &[("a", "x")], "m a=x t=0"),
        // labelmap, labeldrop, labelkeep
        (&[&[("regex", "pre_(.+)"), ("action", "labelmap")]], &[("pre_a", "1"), ("pre_", "2")], "m a=1 pre_=2 pre_a=1"),
        (&[&[("regex", "(.+)"), ("replacement", "x_${1}"), ("action", "labelmap")]], &[("a", "1")], "m a=1 x___name__=m x_a=1"),
        (&[&[("regex", "a|b"), ("action", "labeldrop")]], &[("a", "1"), ("ab", "2"), ("b", "3")], "m ab=2"),
        (&[&[("regex", "a|__name__"), ("action", "labelkeep")]], &[("a", "1"), ("b", "3")], "m a=1"),
        // Prometheus refuses the whole scrape over a series without a name.
        (&[&[("regex", "a"), ("action", "labelkeep")]], &[("a", "1")], "odd"),
        (&[&[("regex", "__.*"), ("action", "labeldrop")]], &[("a", "1")], "odd"),
        // lowercase, uppercase
        (
            &[&[("source_labels", "a b"), ("target_label", "t"), ("action", "lowercase")]],
            &[("a", "ÄX"), ("b", "Y")],
            "m a=ÄX b=Y t=äx;y",
        ),
        (&[&[("source_labels", "a"), ("target_label", "a"), ("action", "uppercase")]], &[("a", "äß")], "m a=Äß"),
    ];
    for (config, of, want) in cases {
        assert_eq!(gauge(&rules(config), of), *want, "{config:?} {of:?}");
    }
}

/// md5("") = d41d8cd98f00b204 e9800998ecf8427e and md5("abc") = 900150983cd24fb0 d6963f7d28e17f72 (RFC 1321); the last eight bytes count.
#[test]
fn hashes_are_those_of_prometheus() {
    for (value, tail) in [("", 0xe980_0998_ecf8_427e_u64), ("abc", 0xd696_3f7d_28e1_7f72)] {
        for modulus in [8, 1000, u64::MAX] {
            let modulus_text = modulus.to_string();
            let keys = [("source_labels", "a"), ("target_label", "t"), ("modulus", modulus_text.as_str()), ("action", "hashmod")];
            let of: &[(&str, &str)] = if value.is_empty() { &[] } else { &[("a", "abc")] };
            let got = gauge(&rules(&[&keys]), of);
            assert!(got.ends_with(&format!(" t={}", tail % modulus)), "{got}");
        }
    }
}

#[test]
fn what_prometheus_refuses_is_refused() {
    for (keys, key) in [
        (&[("source_labels", "a")][..], "target_label"),
        (&[("regex", "("), ("target_label", "t")], "regex"),
        (&[("target_label", "${")], "target_label"),
        (&[("target_label", "a$")], "target_label"),
        (&[("action", "hashmod"), ("source_labels", "a"), ("target_label", "t")], "modulus"),
        (&[("action", "hashmod"), ("source_labels", "a"), ("modulus", "0"), ("target_label", "t")], "modulus"),
        (&[("action", "hashmod"), ("modulus", "2")], "target_label"),
        (&[("action", "lowercase"), ("target_label", "$1")], "target_label"),
        (&[("action", "uppercase"), ("target_label", "t"), ("replacement", "x")], "replacement"),
        (&[("action", "keepequal"), ("source_labels", "a")], "target_label"),
        (&[("action", "dropequal"), ("source_labels", "a"), ("target_label", "t"), ("regex", "x")], "regex"),
        (&[("action", "labeldrop"), ("regex", "x"), ("source_labels", "a")], "source_labels"),
        (&[("action", "labelkeep"), ("regex", "x"), ("target_label", "a")], "target_label"),
        (&[("action", "labelmap"), ("regex", "x"), ("replacement", "${")], "replacement"),
    ] {
        assert_eq!(rule(keys).unwrap_err().key, key, "{keys:?}");
    }
    // Defaults written out are no mistake.
    rule(&[("action", "labeldrop"), ("regex", "x"), ("separator", ";"), ("replacement", "$1")]).unwrap();
}

#[test]
fn static_labels_are_there_before_the_rules() {
    let mut relabelling = rules(&[&[("source_labels", "app exported_app"), ("target_label", "t")]]);
    relabelling.labels = vec![("app".into(), "shop".into())];
    assert_eq!(gauge(&relabelling, &[("app", "own")]), "m app=shop exported_app=own t=shop;own");
    assert_eq!(
        gauge(&relabelling, &[("exported_app", "x"), ("app", "own")]),
        "m app=shop exported_app=x exported_exported_app=own t=shop;x"
    );
}

const HISTOGRAM: &str = "# HELP h Help.\n# TYPE h histogram\nh_bucket{v=\"x\",le=\"1\"} 1\nh_bucket{v=\"x\",le=\"2\"} 2\nh_bucket{v=\"x\",le=\"+Inf\"} 3\n\
                         h_count{v=\"x\"} 3\nh_sum{v=\"x\"} 9\n# TYPE h_created gauge\nh_created{v=\"x\"} 1700000000\n";

/// The samples of a body once relabelled, `family role labels` → value, and what was left out.
fn body(relabelling: &Relabelling, body: &str) -> (BTreeMap<String, f64>, usize) {
    let (families, left_out) = relabelling.families(text(body.as_bytes()).unwrap().families);
    let mut all = BTreeMap::new();
    for family in families {
        for s in family.samples {
            let key = s.labels.iter().fold(format!("{} {:?}", family.name, s.role), |line, (k, v)| format!("{line} {k}={v}"));
            assert_eq!(all.insert(key, s.value), None);
        }
    }
    (all, left_out)
}

#[test]
fn histograms_are_renamed_whole_with_their_start_times() {
    let renamed = rules(&[
        &[("source_labels", "__name__"), ("regex", "h(_.*)"), ("target_label", "__name__"), ("replacement", "new$1")],
        &[("regex", "v"), ("action", "labeldrop")],
    ]);
    let (all, left_out) = body(&renamed, HISTOGRAM);
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    let want = ["new Bucket(1.0)", "new Bucket(2.0)", "new Bucket(inf)", "new Count", "new Created", "new Sum"];
    assert_eq!((names.as_slice(), left_out), (want.as_slice(), 0));
}

#[test]
fn buckets_can_be_dropped_one_by_one_but_not_change_their_bound() {
    let one = |keys: &[(&str, &str)]| {
        let (all, left_out) = body(&rules(&[keys]), HISTOGRAM);
        (all.len(), left_out)
    };
    assert_eq!(one(&[("source_labels", "__name__ le"), ("regex", "h_bucket;1\\.0"), ("action", "drop")]), (5, 0));
    assert_eq!(one(&[("source_labels", "__name__"), ("regex", "h_(bucket|created)"), ("action", "drop")]), (3, 0));
    assert_eq!(one(&[("source_labels", "__name__"), ("regex", ".*_sum"), ("action", "drop")]), (5, 0));
    assert_eq!(one(&[("source_labels", "le"), ("regex", "1.0"), ("target_label", "le"), ("replacement", "1")]), (6, 0));
    // A bound that moves is a bucket out of place; without any bounds nothing hangs together.
    assert_eq!(one(&[("source_labels", "le"), ("regex", "1.0"), ("target_label", "le"), ("replacement", "5")]), (5, 1));
    assert_eq!(one(&[("regex", "le"), ("action", "labeldrop")]), (0, 6));
    // Some parts under another name than others.
    assert_eq!(
        one(&[("source_labels", "__name__"), ("regex", "h_sum"), ("target_label", "__name__"), ("replacement", "s")]),
        (0, 6)
    );
    assert_eq!(
        one(&[("source_labels", "__name__"), ("regex", "h_(sum|count)"), ("target_label", "w"), ("replacement", "1")]),
        (0, 6)
    );
    // Nothing is left but some buckets.
    assert_eq!(one(&[("source_labels", "__name__ le"), ("regex", "h_bucket;[12].0"), ("action", "keep")]), (2, 0));
}

#[test]
fn of_children_that_fall_together_the_first_stays_whole() {
    let drop_v = rules(&[&[("regex", "v"), ("action", "labeldrop")]]);
    let other = HISTOGRAM.replace("v=\"x\"", "v=\"y\"").replace("le=\"1\"", "le=\"7\"");
    let other: String = other.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let (all, left_out) = body(&drop_v, &format!("{HISTOGRAM}{other}"));
    assert_eq!((all.len(), left_out), (6, 5), "its start time is no sample");
    assert!(!all.contains_key("h Bucket(7.0)"));
    // Interleaved lines make no mixture either.
    let lines = "# TYPE c counter\nc{v=\"1\"} 1\nc{v=\"2\",w=\"a\"} 2\nc{v=\"2\"} 3\nc{v=\"1\",w=\"a\"} 4\n";
    let (all, left_out) = body(&drop_v, lines);
    assert_eq!((all["c Value"], all["c Value w=a"], left_out), (1.0, 2.0, 2));
}

#[test]
fn families_of_one_name_join_only_in_one_type() {
    let to_n = rules(&[&[("target_label", "__name__"), ("replacement", "n")]]);
    let (families, left_out) = to_n.families(
        text(b"# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b gauge\nb{x=\"2\"} 2\n# TYPE c counter\nc{x=\"3\"} 3\n").unwrap().families,
    );
    let shown: Vec<_> = families.iter().filter(|f| !f.samples.is_empty()).map(|f| (&*f.name, f.kind, f.samples.len())).collect();
    assert_eq!((shown, left_out), (vec![("n", MetricType::Gauge, 2), ("n", MetricType::Counter, 1)], 0));
}

#[test]
fn natives_go_the_way_of_their_child_and_are_never_mixed() {
    let mut family = Family::new("h", MetricType::Histogram, "");
    for (pid, count) in [("1", 3.0), ("2", 4.0)] {
        let labels = labels(&[("pid", pid)]);
        let created = Sample { role: Role::Created, labels: labels.clone(), value: count, timestamp: None, exemplar: None };
        let histogram = Cow::Owned(NativeHistogram { count, ..NativeHistogram::default() });
        family.samples.push(created);
        family.natives.push(NativeSample { labels, timestamp: None, histogram, exemplars: Vec::new() });
    }
    let rename = &[("source_labels", "__name__"), ("regex", "h(.*)"), ("target_label", "__name__"), ("replacement", "app_h$1")];
    let (families, left_out) = rules(&[rename]).families(vec![family.clone()]);
    let new = families.iter().find(|f| f.name == "app_h").unwrap();
    assert_eq!((new.natives.len(), new.samples.len(), left_out), (2, 2, 0));
    // The second falls on the first: neither it nor its start time gets in.
    let (families, left_out) = rules(&[&[("action", "labeldrop"), ("regex", "pid")]]).families(vec![family.clone()]);
    let kept = (families[0].natives[0].histogram.count, families[0].natives.len(), families[0].samples.len());
    assert_eq!((kept, families[0].samples[0].value, left_out), ((3.0, 1, 1), 3.0, 1));
    let (families, left_out) = rules(&[&[("action", "drop"), ("source_labels", "pid"), ("regex", "1")]]).families(vec![family]);
    assert_eq!((families[0].natives[0].histogram.count, families[0].natives.len(), left_out), (4.0, 1, 0));
}
