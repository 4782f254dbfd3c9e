use super::browser::is_addressed_locally;
use super::gate::Gate;
use super::last_words::{self, Ears};
use super::respond::{Response, set, text};
use super::site::Site;
use super::socket::Peer;
use super::{Lifecycle, lifecycle, metrics, paths};
use crate::compression::Encoding;
use crate::config::{Choice, Config, Pages, ProgramLimits};
use crate::round::Proxy;
use crate::scrape::GUARD_HEADER;
use futures::FutureExt;
use http::header::ALLOW;
use http::{Method, Request, StatusCode};
use hyper::body::{Body, Bytes};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// What the server answers with: the proxy, and the settings that concern requests.
#[derive(Debug)]
pub struct App {
    pub(super) proxy: Proxy,
    settings: RwLock<Arc<Settings>>,
    gate: RwLock<Arc<Gate>>,
    lifecycle: Option<Lifecycle>,
}

/// What of the configuration concerns requests.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) telemetry_path: String,
    pub(super) scrape_timeout: Duration,
    last_words: Ears,
    limits: ProgramLimits,
    enable_lifecycle: bool,
    /// Hosts of the listen addresses.
    names: Vec<String>,
    pages: Pages,
    site: Site,
}

impl Settings {
    fn of(config: &Config) -> Self {
        let host = |address: &String| address.rsplit_once(':').map(|(host, _)| host.to_string());
        Self {
            telemetry_path: config.web.telemetry_path.clone(),
            scrape_timeout: config.scrape_timeout,
            last_words: Ears::new(config),
            limits: config.limits,
            enable_lifecycle: config.web.enable_lifecycle,
            names: config.web.listen_addresses.iter().filter_map(host).collect(),
            pages: config.web.pages,
            site: Site::of(config),
        }
    }
}

/// Says how a response is counted; an extension of the response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposition {
    pub(super) format: &'static str,
    pub(super) encoding: &'static str,
    /// Before it is packed.
    pub(super) bytes: usize,
}

impl App {
    /// An app over `proxy`.
    pub fn new(proxy: Proxy, config: &Config) -> Self {
        Self { proxy, settings: RwLock::new(Arc::new(Settings::of(config))), gate: RwLock::default(), lifecycle: None }
    }

    /// The same behind a gate.
    #[must_use]
    pub fn behind(self, gate: Gate) -> Self {
        self.change_gate(gate);
        self
    }

    /// The same, passing on orders where the configuration allows any.
    #[must_use]
    pub fn obeying(self, lifecycle: Lifecycle) -> Self {
        Self { lifecycle: Some(lifecycle), ..self }
    }

    /// Goes over to the settings of another configuration; requests under way end by those they began with. What stands before it all is
    /// changed apart, by [`change_gate`](Self::change_gate).
    pub fn reconfigure(&self, config: &Config) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Settings::of(config));
    }

    /// Puts another gate before it, for connections and requests that come from now on.
    pub fn change_gate(&self, gate: Gate) {
        *self.gate.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(gate);
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers a request. Its body, if any, is ignored but for last words; a panic costs this request only.
    pub(super) async fn handle<B>(&self, request: Request<B>) -> Response
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let arrived = Instant::now();
        let (gate, settings) = (self.gate(), self.settings());
        let path = request.uri().path().to_string();
        let answering = async {
            // A token stands where a login would, and the limits are the gate's.
            if path == last_words::PATH && settings.last_words.are_open() {
                return settings.last_words.hear(&self.proxy, &gate, &settings.names, request).await;
            }
            match gate.admit(&request).await {
                Ok(()) => self.route(&request, arrived).await,
                Err(refused) => refused,
            }
        };
        let mut response = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!(path, "a fault while answering");
            text(StatusCode::INTERNAL_SERVER_ERROR, "a fault in onescrape itself; its log says more; please report it")
        });
        let exposition = response.extensions().get::<Exposition>().copied();
        let (format, encoding) = exposition.map_or(("", Encoding::Identity.as_str()), |e| (e.format, e.encoding));
        self.proxy.count_request(response.status().as_u16(), format, encoding, exposition.map(|e| e.bytes));
        gate.dress(&mut response);
        response
    }

    async fn route<B>(&self, request: &Request<B>, arrived: Instant) -> Response {
        if request.headers().get(GUARD_HEADER) == Some(self.proxy.id().header()) {
            return text(StatusCode::LOOP_DETECTED, "this request came from this very onescrape: a target leads back to it");
        }
        let path = request.uri().path();
        let settings = self.settings();
        if matches!(path, lifecycle::RELOAD | lifecycle::QUIT) {
            return match self.lifecycle.as_ref().filter(|_| settings.enable_lifecycle) {
                Some(lifecycle) => lifecycle.obey(request, &settings.names).await,
                None => lifecycle::not_enabled(),
            };
        }
        let is_page = paths::PAGES.contains(&path);
        if path != settings.telemetry_path && !is_page && !matches!(path, "/-/healthy" | "/-/ready") {
            let all = [&[settings.telemetry_path.as_str()], paths::LISTED, &["/-/healthy", "/-/ready"]].concat().join(", ");
            return text(StatusCode::NOT_FOUND, format_args!("nothing here; there are {all}"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            set(&mut response, ALLOW, "GET, HEAD");
            return response;
        }
        if path == settings.telemetry_path {
            return metrics::metrics(self, request, arrived).await;
        }
        match path {
            "/-/healthy" => match self.proxy.check_alive() {
                Ok(()) => text(StatusCode::OK, "healthy"),
                Err(stopped) => text(StatusCode::INTERNAL_SERVER_ERROR, stopped),
            },
            "/-/ready" if self.proxy.is_ready() => text(StatusCode::OK, "ready"),
            "/-/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the first round of scrapes is not over yet"),
            _ if !may_see_pages(settings.pages, request, &settings.names) => {
                text(StatusCode::FORBIDDEN, format_args!("web.pages is {}: not shown here", settings.pages.word()))
            }
            _ => settings.site.show(&self.proxy, path, request.uri().query()),
        }
    }

    pub(super) fn gate(&self) -> Arc<Gate> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The limits of the configuration in force.
    pub(super) fn limits(&self) -> ProgramLimits {
        self.settings().limits
    }
}

/// Whether who asks is shown pages and the API. Where only this machine is, a browser on it must not be led here under a name of
/// somebody else's.
fn may_see_pages<B>(pages: Pages, request: &Request<B>, names: &[String]) -> bool {
    match (pages, request.extensions().get::<Peer>()) {
        (Pages::On, _) | (Pages::Loopback, Some(Peer::Unix)) => true,
        (Pages::Loopback, Some(Peer::Loopback)) => is_addressed_locally(request, names),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_may_see_pages() {
        let sees = |pages, peer, host: &str| {
            let request = Request::get("/").header("host", host).extension(peer).body(()).unwrap();
            may_see_pages(pages, &request, &["metrics.example.org".to_string()])
        };
        for (pages, peer, host, want) in [
            (Pages::On, Peer::Tcp, "evil.example", true),
            (Pages::Loopback, Peer::Tcp, "localhost", false),
            (Pages::Loopback, Peer::Loopback, "localhost:11011", true),
            (Pages::Loopback, Peer::Loopback, "metrics.example.org", true),
            (Pages::Loopback, Peer::Loopback, "evil.example", false),
            (Pages::Loopback, Peer::Unix, "evil.example", true),
            (Pages::Off, Peer::Unix, "localhost", false),
        ] {
            assert_eq!(sees(pages, peer, host), want, "{pages:?} {peer:?} {host}");
        }
    }
}
