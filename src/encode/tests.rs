use super::{EncodeReport, Escaping, Format, Rendered, Style, encode};
use crate::model::{Exemplar, Family, Labels, NativeSample, Sample};
use crate::parse::{openmetrics, text};
use std::borrow::Cow;

const TEXT: Format = Format::Text100(Escaping::AllowUtf8);
const OPENMETRICS: Format = Format::OpenMetrics100(Escaping::AllowUtf8);
const CREATED: Style = Style { format: OPENMETRICS, openmetrics_created: true };

pub(super) fn owned(families: Vec<Family<'_>>) -> Vec<Family<'static>> {
    let labels = |labels: Labels<'_>| labels.into_iter().map(|(k, v)| (k.into_owned().into(), v.into_owned().into())).collect();
    let sample = |s: Sample<'_>| Sample {
        role: s.role,
        labels: labels(s.labels),
        value: s.value,
        timestamp: s.timestamp,
        exemplar: s.exemplar.map(Exemplar::into_owned),
    };
    let native = |n: NativeSample<'_>| NativeSample {
        labels: labels(n.labels),
        timestamp: n.timestamp,
        histogram: Cow::Owned(n.histogram.into_owned()),
        exemplars: n.exemplars.into_iter().map(Exemplar::into_owned).collect(),
    };
    let family = |f: Family<'_>| Family {
        name: f.name.into_owned().into(),
        kind: f.kind,
        help: f.help.into_owned().into(),
        unit: f.unit.into_owned().into(),
        samples: f.samples.into_iter().map(sample).collect(),
        natives: f.natives.into_iter().map(native).collect(),
    };
    families.into_iter().map(family).collect()
}

fn written(families: Vec<Family<'_>>, style: impl Into<Style>) -> (String, EncodeReport) {
    let rendered = Rendered::new(owned(families));
    let mut out = Vec::new();
    let report = encode(&rendered.views(), style, &mut out);
    (String::from_utf8(out).unwrap(), report)
}

fn from_openmetrics(body: &str, style: impl Into<Style>) -> String {
    written(openmetrics(body.as_bytes()).unwrap().families, style).0
}

fn from_text(body: &str, style: impl Into<Style>) -> (String, usize) {
    let (out, report) = written(text(body.as_bytes()).unwrap().families, style);
    (out, report.escape_collisions)
}

/// Every type there is, as OpenMetrics writes it.
const EVERY_TYPE: &str = r#"# TYPE c_seconds counter
# UNIT c_seconds seconds
# HELP c_seconds A \"quoted\" \\ help\nof two lines.
c_seconds_total{x="y"} 3 # {trace_id="1"} 0.5 1.7e+09
c_seconds_created{x="y"} 1.6e+09
# TYPE g gauge
g -1.5
# TYPE h histogram
h_bucket{le="0.5",x="1"} 1 # {} 0.3
h_bucket{le="+Inf",x="1"} 2
h_count{x="1"} 2
h_sum{x="1"} 4.3
h_created{x="1"} 1
h_bucket{le="0.5",x="2"} 1
h_bucket{le="+Inf",x="2"} 2
h_count{x="2"} 2
h_sum{x="2"} 4.3
# TYPE gh gaugehistogram
# HELP gh Now.
gh_bucket{le="1.0"} 4
gh_bucket{le="+Inf"} 6
gh_gcount 6
gh_gsum 3.5
# TYPE s summary
s{quantile="0.5"} NaN
s_count 0
s_sum 0
# TYPE i info
i_info{v="1"} 1
# TYPE st stateset
st{st="on"} 1
# TYPE u unknown
u +Inf
# EOF
"#;

#[test]
fn every_type_in_openmetrics() {
    assert_eq!(from_openmetrics(EVERY_TYPE, CREATED), EVERY_TYPE);
    let without: String = EVERY_TYPE.split_inclusive('\n').filter(|line| !line.contains("_created")).collect();
    assert_eq!(from_openmetrics(EVERY_TYPE, OPENMETRICS), without);
    assert_eq!(from_openmetrics(EVERY_TYPE, Format::OpenMetrics001), without);
}

#[test]
fn every_type_in_text() {
    let want = r#"# HELP c_seconds_total A "quoted" \\ help\nof two lines.
# TYPE c_seconds_total counter
c_seconds_total{x="y"} 3
# TYPE g gauge
g -1.5
# TYPE h histogram
h_bucket{le="0.5",x="1"} 1
h_bucket{le="+Inf",x="1"} 2
h_count{x="1"} 2
h_sum{x="1"} 4.3
h_bucket{le="0.5",x="2"} 1
h_bucket{le="+Inf",x="2"} 2
h_count{x="2"} 2
h_sum{x="2"} 4.3
# HELP gh Now.
# TYPE gh histogram
gh_bucket{le="1.0"} 4
gh_bucket{le="+Inf"} 6
# HELP gh_gcount Now.
# TYPE gh_gcount gauge
gh_gcount 6
# HELP gh_gsum Now.
# TYPE gh_gsum gauge
gh_gsum 3.5
# TYPE s summary
s{quantile="0.5"} NaN
s_count 0
s_sum 0
# TYPE i_info gauge
i_info{v="1"} 1
# TYPE st gauge
st{st="on"} 1
# TYPE u untyped
u +Inf
"#;
    assert_eq!(from_openmetrics(EVERY_TYPE, TEXT), want);
    assert_eq!(from_openmetrics(EVERY_TYPE, Format::Text004), want);
}

#[test]
fn names_of_counters_do_not_depend_on_the_format() {
    let body = "# TYPE a counter\na 1\n# TYPE b_total counter\nb_total 2\n# TYPE b gauge\nb 3\n";
    let want = "# TYPE a unknown\na 1\n# TYPE b_total unknown\nb_total 2\n# TYPE b gauge\nb 3\n# EOF\n";
    assert_eq!(from_text(body, OPENMETRICS).0, want, "`a` lacks the suffix, and `b` names another family");
}

#[test]
fn children_come_one_after_the_other() {
    let body = "# TYPE h histogram\nh_sum{x=\"1\"} 1\nh_bucket{le=\"+Inf\",x=\"1\"} 2\nh_bucket{le=\"+Inf\",x=\"2\"} 3\n\
                h_bucket{le=\"1\",x=\"1\"} 1\nh_count{x=\"1\"} 2\n# TYPE h_created gauge\nh_created{x=\"1\"} 5\n";
    let want = "# TYPE h histogram\nh_bucket{le=\"1.0\",x=\"1\"} 1\nh_bucket{le=\"+Inf\",x=\"1\"} 2\nh_count{x=\"1\"} 2\n\
                h_sum{x=\"1\"} 1\nh_created{x=\"1\"} 5\nh_bucket{le=\"+Inf\",x=\"2\"} 3\n# EOF\n";
    assert_eq!(from_text(body, CREATED).0, want);
}

#[test]
fn families_without_a_visible_sample_and_timestamps_are_left_out() {
    assert_eq!(from_text("# TYPE a gauge\n# HELP b x\nc 1 5000\n", TEXT).0, "# TYPE c untyped\nc 1\n");
    assert_eq!(from_openmetrics("# TYPE a counter\na_created 1\n# EOF\n", TEXT), "");
    let alone = "# TYPE a counter\na_created{x=\"1\"} 1\na_total{x=\"2\"} 1\na_created{x=\"2\"} 3\n# EOF\n";
    let want = "# TYPE a counter\na_total{x=\"2\"} 1\na_created{x=\"2\"} 3\n# EOF\n";
    assert_eq!(from_openmetrics(alone, CREATED), want, "a beginning of nothing");
    assert_eq!(written(Vec::new(), OPENMETRICS).0, "# EOF\n");
}

#[test]
fn exemplars_stand_where_openmetrics_allows_them_and_are_short() {
    let long = "x".repeat(127);
    let line = |name: &str, value: &str| format!("{name} 1 # {{ab=\"{value}\"}} 2\n");
    let body = format!("# TYPE a counter\n{}# TYPE g gauge\n{}# EOF\n", line("a_total", &long), line("g", "x"));
    assert_eq!(from_openmetrics(&body, OPENMETRICS), "# TYPE a counter\na_total 1\n# TYPE g gauge\ng 1\n# EOF\n");
    let body = format!("# TYPE a counter\n{}# EOF\n", line("a_total", &long[1..]));
    assert_eq!(from_openmetrics(&body, OPENMETRICS), body);
    let body = "# TYPE a counter\na_total 1 # {\"a.b\"=\"1\",a_b=\"2\"} 1\n# EOF\n";
    assert_eq!(from_openmetrics(body, Format::OpenMetrics001), "# TYPE a counter\na_total 1\n# EOF\n");
}

#[test]
fn units_that_are_no_suffix_are_left_out() {
    let mut families = openmetrics(b"# TYPE a_s gauge\n# UNIT a_s s\na_s 1\n# EOF\n").unwrap().families;
    families[0].name = "a".into();
    assert_eq!(written(families, OPENMETRICS).0, "# TYPE a gauge\na 1\n# EOF\n");
}

#[test]
fn names_for_scrapers_that_can_not_read_them() {
    let body = "# HELP \"a.b\" x\n# TYPE \"a.b\" histogram\n{\"a.b_bucket\",\"c.d\"=\"=\",le=\"1\"} 1\n";
    let quoted = "# HELP \"a.b\" x\n# TYPE \"a.b\" histogram\n{\"a.b_bucket\",\"c.d\"=\"=\",le=\"1.0\"} 1\n";
    let underscores = "# HELP a_b x\n# TYPE a_b histogram\na_b_bucket{c_d=\"=\",le=\"1.0\"} 1\n";
    let dots = "# HELP a_dot_b x\n# TYPE a_dot_b histogram\na_dot_b_bucket{c_dot_d=\"=\",le=\"1.0\"} 1\n";
    let values = "# HELP U__a_2e_b x\n# TYPE U__a_2e_b histogram\nU__a_2e_b_bucket{U__c_2e_d=\"=\",le=\"1.0\"} 1\n";
    assert_eq!(from_text(body, TEXT).0, quoted);
    assert_eq!(from_text(body, Format::Text004).0, underscores);
    assert_eq!(from_text(body, Format::Text100(Escaping::Underscores)).0, underscores);
    assert_eq!(from_text(body, Format::Text100(Escaping::Dots)).0, dots);
    assert_eq!(from_text(body, Format::Text100(Escaping::Values)).0, values);
    let counter = "# TYPE \"a.b_total\" counter\n{\"a.b_total\"} 1\n";
    assert_eq!(from_text(counter, OPENMETRICS).0, "# TYPE \"a.b\" counter\n{\"a.b_total\"} 1\n# EOF\n");
    assert_eq!(from_text(counter, Format::OpenMetrics001).0, "# TYPE a_b counter\na_b_total 1\n# EOF\n");
}

#[test]
fn of_names_that_collide_the_first_stays() {
    let body = "{\"a.b\"} 1\na_b 2\na_b{x=\"y\"} 3\nc 4\n";
    assert_eq!(from_text(body, Format::Text004), ("# TYPE a_b untyped\na_b 1\n# TYPE c untyped\nc 4\n".to_string(), 2));
    assert_eq!(from_text(body, TEXT).1, 0);
    let labels = "m{\"l.x\"=\"1\"} 1\nm{l_x=\"1\"} 2\nm{l_x=\"2\"} 3\nm{\"l.x\"=\"1\",l_x=\"1\"} 4\n";
    assert_eq!(from_text(labels, Format::Text004), ("# TYPE m untyped\nm{l_x=\"1\"} 1\nm{l_x=\"2\"} 3\n".to_string(), 2));
}
