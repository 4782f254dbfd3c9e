use crate::model::{Family, Role};
use crate::parse::{Exposition, openmetrics, text};

fn om(body: &str) -> Exposition<'_> {
    openmetrics(body.as_bytes()).unwrap()
}

fn txt(body: &str) -> Exposition<'_> {
    text(body.as_bytes()).unwrap()
}

/// `name type role role …` of every family.
fn shape(exposition: &Exposition<'_>) -> Vec<String> {
    let role = |role: Role| match role {
        Role::Value => " value".to_string(),
        Role::Bucket(bound) => format!(" le={bound}"),
        Role::Quantile(quantile) => format!(" q={quantile}"),
        Role::Count => " count".to_string(),
        Role::Sum => " sum".to_string(),
        Role::Created => " created".to_string(),
    };
    let shape = |family: &Family<'_>| {
        let roles: String = family.samples.iter().map(|sample| role(sample.role)).collect();
        format!("{} {}{roles}", family.name, family.kind.as_openmetrics())
    };
    exposition.families.iter().map(shape).collect()
}

#[test]
fn a_type_line_rules_the_whole_body() {
    let exposition = txt("a_bucket{le=\"1\"} 1\nb 2\na_sum 3\n# TYPE a histogram\na_count 1\n");
    assert_eq!(shape(&exposition), ["a histogram le=1 sum count", "b unknown value"]);
}

#[test]
fn the_first_metadata_wins_and_others_are_counted() {
    let exposition = txt("# HELP a one\n# TYPE a counter\na 1\n# TYPE a gauge\n# HELP a two\n");
    assert_eq!(shape(&exposition), ["a counter value"]);
    assert_eq!((exposition.families[0].help.as_ref(), exposition.repeated_metadata), ("one", 2));
}

#[test]
fn the_exact_name_comes_before_a_suffix() {
    let exposition = txt("# TYPE a histogram\n# TYPE a_count gauge\na_bucket{le=\"1\"} 1\na_count 2\na_sum 3\n");
    assert_eq!(shape(&exposition), ["a histogram le=1 sum", "a_count gauge value"]);
}

#[test]
fn counters_and_infos_have_the_names_of_their_samples() {
    let exposition = om("# TYPE a counter\na_total 1\na_created 5\n# TYPE b info\nb_info{v=\"1\"} 1\n# TYPE c counter\n# EOF\n");
    assert_eq!(shape(&exposition), ["a_total counter value created", "b_info info value", "c_total counter"]);
    assert_eq!(exposition.irregular_samples, 0);
}

#[test]
fn breaches_of_structure_are_repaired_or_kept_without_a_type() {
    for (body, want) in [
        ("# TYPE a counter\na 1\n# EOF\n", "a counter value"),
        ("# TYPE a_total counter\na_total 1\n# EOF\n", "a_total counter value"),
        ("# TYPE a_info info\na_info{v=\"1\"} 1\n# EOF\n", "a_info info value"),
        ("# TYPE a info\na{v=\"1\"} 1\n# EOF\n", "a unknown value"),
        ("# TYPE a histogram\na 1\n# EOF\n", "a unknown value"),
    ] {
        let exposition = om(body);
        assert_eq!((shape(&exposition).as_slice(), exposition.irregular_samples), ([want.to_string()].as_slice(), 1), "{body}");
    }
}

#[test]
fn buckets_and_quantiles_without_their_number_have_no_type() {
    let exposition = txt("# TYPE a histogram\na_bucket 1\na_bucket{le=\"x\"} 2\na_bucket{le=\"NaN\"} 3\na_bucket{le=\"2\"} 4\n");
    assert_eq!(shape(&exposition), ["a histogram le=2", "a_bucket unknown value value value"]);
    assert_eq!(exposition.irregular_samples, 3);
    assert_eq!(exposition.families[1].samples[1].labels, [("le".into(), "x".into())]);
    let exposition = txt("# TYPE s summary\ns 1\ns{quantile=\"0.5\"} 2\ns_sum 3\n");
    assert_eq!(shape(&exposition), ["s summary q=0.5 sum", "s unknown value"]);
}

#[test]
fn created_gauges_are_start_times_of_their_parents() {
    let body = "# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 5\n\
                # TYPE h histogram\n# TYPE h_created gauge\nh_created{x=\"y\"} 6\nh_count{x=\"y\"} 1\n\
                # TYPE c counter\nc 1\nc_created 2\n# TYPE orphan_created gauge\norphan_created 7\n";
    let want =
        ["a_total counter value created", "h histogram count created", "c counter value created", "orphan_created gauge value"];
    assert_eq!(shape(&txt(body)), want);
    assert_eq!(shape(&om("# TYPE a counter\n# TYPE a_created gauge\na_created 5\n# EOF\n")), ["a_total counter created"]);
}

#[test]
fn gauge_histograms_are_known_by_the_gauges_beside_them() {
    let body = "# TYPE g histogram\ng_bucket{le=\"+Inf\"} 2\n# TYPE g_gcount gauge\ng_gcount 2\n# TYPE g_gsum gauge\ng_gsum 3\n";
    assert_eq!(shape(&txt(body)), ["g gaugehistogram le=inf count sum"]);
    let with_count = format!("{body}g_count 2\n");
    assert_eq!(shape(&txt(&with_count)), ["g histogram le=inf count", "g_gcount gauge value", "g_gsum gauge value"]);
}

#[test]
fn families_stand_in_the_order_of_their_first_line() {
    let exposition = txt("c 1\n# TYPE b gauge\na 1\nb 1\n# HELP only words\n");
    assert_eq!(shape(&exposition), ["c unknown value", "b gauge value", "a unknown value", "only unknown"]);
}
