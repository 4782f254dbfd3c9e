//! What stands at the paths of the pages where there are none.

use super::respond::{Response, text};
use crate::config::Config;
use crate::round::Proxy;
use http::StatusCode;

/// Said to who asks for a page all the same.
const NO_PAGES: &str = "this onescrape was built without pages and their API; use one with the cargo feature pages";

/// Nothing.
#[derive(Debug)]
pub(super) struct Site;

impl Site {
    pub(super) fn of(_config: &Config) -> Self {
        Self
    }

    /// Says that there is nothing.
    pub(super) fn show(&self, _proxy: &Proxy, _path: &str, _query: Option<&str>) -> Response {
        text(StatusCode::NOT_FOUND, NO_PAGES)
    }
}
