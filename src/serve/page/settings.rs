//! Gauge rules in force, configuration, build.

use super::escape::{Shown, Whole};
use super::{Status, table};
use crate::config::{Choice, Config, GaugeMode, GaugeRule};
use crate::merge::rules::BUILT_IN;

/// The gauge rules of a source of workers, beside the built-in ones.
#[derive(Debug)]
pub(in crate::serve) struct Rules {
    source: String,
    gauges: Vec<GaugeRule>,
    default: GaugeMode,
}

impl Rules {
    /// Those of every source that merges gauges.
    pub(in crate::serve) fn of(config: &Config) -> Vec<Self> {
        let merged = config.sources.iter().filter(|source| source.has_key("gauges"));
        let of = |source: &crate::config::SourceConfig| Self {
            source: source.name.clone(),
            gauges: source.merge.gauges.clone(),
            default: source.merge.gauge_default,
        };
        merged.map(of).collect()
    }
}

pub(super) fn settings(status: &Status<'_>) -> String {
    let rules: String = status.rules.iter().map(rules).collect();
    format!(
        "<section id=\"settings\" aria-labelledby=\"settings-h\"><h2 id=\"settings-h\">Settings</h2>{rules}\
         <details><summary>Configuration in force <code>{}</code>, secrets masked</summary>\
         <pre tabindex=\"0\" role=\"region\" aria-label=\"configuration\">{}</pre></details>\
         <p class=\"soft\">onescrape {}, built with {}</p></section>\n",
        Whole(status.fingerprint),
        Whole(status.yaml),
        env!("CARGO_PKG_VERSION"),
        features().join(", "),
    )
}

fn rules(rules: &Rules) -> String {
    let row = |pattern: &str, mode: GaugeMode, why: &str| {
        format!("<tr><td class=\"name\">{}<td>{}<td>{}</tr>", Shown(pattern), mode.word(), Shown(why))
    };
    let configured = rules.gauges.iter().map(|rule| row(&rule.pattern, rule.mode, "configured"));
    let built_in = BUILT_IN.iter().map(|rule| row(rule.pattern, rule.mode, rule.why));
    let rows: String = configured.chain(built_in).chain([row("*", rules.default, "gauge_default")]).collect();
    let heads = "<th scope=\"col\">gauges<th scope=\"col\">mode<th scope=\"col\">why";
    format!(
        "<details><summary>Gauge rules of <bdi>{}</bdi>: the first that matches decides</summary>{}</details>",
        Shown(&rules.source),
        table(&format!("gauge rules of {}", rules.source), heads, &rows)
    )
}

/// What is built in.
fn features() -> Vec<&'static str> {
    let all = [
        ("compression", cfg!(feature = "compression")),
        ("demo", cfg!(feature = "demo")),
        ("discovery", cfg!(feature = "discovery")),
        ("dns", cfg!(feature = "dns")),
        ("manual", cfg!(feature = "manual")),
        ("multiproc", cfg!(feature = "multiproc")),
        ("protobuf", cfg!(feature = "protobuf")),
        ("relabel", cfg!(feature = "relabel")),
        ("state", cfg!(feature = "state")),
        ("tls", cfg!(feature = "tls")),
        ("tools", cfg!(feature = "tools")),
    ];
    let built_in: Vec<&str> = all.into_iter().filter(|(_, is_in)| *is_in).map(|(name, _)| name).collect();
    if built_in.is_empty() { vec!["no features"] } else { built_in }
}
