use super::gate::Gate;
use super::respond::{Response, answer, set, text};
use super::{metrics, page, targets};
use crate::compression::Encoding;
use crate::config::{Config, Limits};
use crate::round::Proxy;
use crate::scrape::GUARD_HEADER;
use futures::FutureExt;
use http::header::ALLOW;
use http::{Method, Request, StatusCode};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;

/// What the server answers with: the proxy, and the settings that concern requests.
#[derive(Debug)]
pub struct App {
    pub(super) proxy: Proxy,
    pub(super) telemetry_path: String,
    pub(super) scrape_timeout: Duration,
    gate: Gate,
    limits: Limits,
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
        Self {
            proxy,
            telemetry_path: config.web.telemetry_path.clone(),
            scrape_timeout: config.scrape_timeout,
            gate: Gate::default(),
            limits: config.limits,
        }
    }

    /// The same behind a gate.
    #[must_use]
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// Answers a request. Its body, if any, is ignored; a panic costs this request only.
    pub(super) async fn handle<B>(&self, request: Request<B>) -> Response {
        let arrived = Instant::now();
        let answering = async {
            match self.gate.admit(&request).await {
                Ok(()) => self.route(&request, arrived).await,
                Err(refused) => refused,
            }
        };
        let mut response = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!(path = request.uri().path(), "a fault while answering");
            text(StatusCode::INTERNAL_SERVER_ERROR, "a fault in onescrape itself; its log says more; please report it")
        });
        let exposition = response.extensions().get::<Exposition>().copied();
        let (format, encoding) = exposition.map_or(("", Encoding::Identity.as_str()), |e| (e.format, e.encoding));
        self.proxy.count_request(response.status().as_u16(), format, encoding, exposition.map(|e| e.bytes));
        self.gate.dress(&mut response);
        response
    }

    async fn route<B>(&self, request: &Request<B>, arrived: Instant) -> Response {
        if request.headers().get(GUARD_HEADER) == Some(self.proxy.id().header()) {
            return text(StatusCode::LOOP_DETECTED, "this request came from this very onescrape: a target leads back to it");
        }
        let path = request.uri().path();
        let known = path == self.telemetry_path || matches!(path, "/" | "/api/v1/targets" | "/-/healthy" | "/-/ready");
        if !known {
            let all = format!("{}, /, /api/v1/targets, /-/healthy, /-/ready", self.telemetry_path);
            return text(StatusCode::NOT_FOUND, format_args!("nothing here; there are {all}"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            set(&mut response, ALLOW, "GET, HEAD");
            return response;
        }
        match path {
            _ if path == self.telemetry_path => metrics::metrics(self, request, arrived).await,
            "/api/v1/targets" => answer(StatusCode::OK, "application/json", targets::json(&self.proxy.report())),
            "/-/healthy" => match self.proxy.check_alive() {
                Ok(()) => text(StatusCode::OK, "healthy"),
                Err(stopped) => text(StatusCode::INTERNAL_SERVER_ERROR, stopped),
            },
            "/-/ready" if self.proxy.is_ready() => text(StatusCode::OK, "ready"),
            "/-/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the first round of scrapes is not over yet"),
            _ => page::page(&self.proxy.report(), &self.proxy.wide_families(), &self.telemetry_path),
        }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }
}
