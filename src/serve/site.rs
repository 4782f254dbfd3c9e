//! What stands at the paths of the pages.

use super::respond::{Response, answer};
use super::{explain, page, paths, targets};
use crate::config::Config;
use crate::round::Proxy;
use http::StatusCode;

/// What the pages show of the configuration.
#[derive(Debug)]
pub(super) struct Site {
    telemetry_path: String,
    /// Tells one configuration from another.
    fingerprint: String,
    rules: Vec<page::Rules>,
    /// The whole, secrets masked.
    yaml: String,
}

impl Site {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            telemetry_path: config.web.telemetry_path.clone(),
            fingerprint: config.fingerprint(),
            rules: page::Rules::of(config),
            yaml: config.to_yaml(),
        }
    }

    /// What stands at one of [`paths::PAGES`].
    pub(super) fn show(&self, proxy: &Proxy, path: &str, query: Option<&str>) -> Response {
        match path {
            paths::TARGETS => answer(StatusCode::OK, "application/json", targets::json(&proxy.report())),
            paths::EXPLAIN_API => explain::api(proxy, query),
            paths::EXPLAIN => explain::html(proxy, query, &self.telemetry_path),
            paths::STYLE | paths::SCRIPT => page::asset(path),
            _ => {
                let search = explain::search(query);
                page::status(&page::Status {
                    sources: &proxy.report(),
                    wide: &proxy.wide_families(),
                    families: &proxy.families(&search, page::FAMILIES_SHOWN),
                    search: &search,
                    rules: &self.rules,
                    telemetry_path: &self.telemetry_path,
                    yaml: &self.yaml,
                    fingerprint: &self.fingerprint,
                })
            }
        }
    }
}
