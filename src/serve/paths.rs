//! Paths of the pages and of the API behind them.

/// The status page.
pub(super) const STATUS: &str = "/";
/// The explanation of a family.
pub(super) const EXPLAIN: &str = "/explain";
/// The same for programs.
pub(super) const EXPLAIN_API: &str = "/api/v1/explain";
/// Sources and targets for programs.
pub(super) const TARGETS: &str = "/api/v1/targets";
/// The style sheet of the pages.
pub(super) const STYLE: &str = "/page.css";
/// Their script.
pub(super) const SCRIPT: &str = "/page.js";
/// Those of them that are named to who is lost; none where there are no pages.
pub(super) const LISTED: &[&str] = if cfg!(feature = "pages") { &[STATUS, EXPLAIN, TARGETS, EXPLAIN_API] } else { &[] };
/// All that `web.pages` is about.
pub(super) const PAGES: [&str; 6] = [STATUS, EXPLAIN, TARGETS, EXPLAIN_API, STYLE, SCRIPT];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::telemetry_path;

    #[test]
    fn the_exposition_can_be_put_at_none_of_them() {
        for path in PAGES {
            assert!(telemetry_path(path).is_err(), "{path}");
        }
    }
}
