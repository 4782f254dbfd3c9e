use super::app::{App, Exposition};
use super::respond::{Response, answer, set, text};
use super::{accept_encoding, negotiate, query};
use crate::compression::Encoding;
use crate::encode::Format;
use crate::round::{Refusal, RoundError};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use tokio::time::Instant;

/// The merged exposition: takes part in a round, then answers with what stands.
pub(super) async fn metrics<B>(app: &App, request: &Request<B>, arrived: Instant) -> Response {
    let mut response = match expose(app, request, arrived).await {
        Ok(response) => response,
        Err((status, why)) => text(status, why),
    };
    set(&mut response, VARY, negotiate::VARY);
    response
}

async fn expose<B>(app: &App, request: &Request<B>, arrived: Instant) -> Result<Response, (StatusCode, String)> {
    let query = query::parse(request.uri().query()).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    app.proxy.check_sources(&query.sources).map_err(refused)?;
    let asked = negotiate::scrape_timeout(request.headers().get(negotiate::SCRAPE_TIMEOUT_HEADER).and_then(|v| v.to_str().ok()));
    app.proxy.round(arrived + negotiate::deadline(app.settings().scrape_timeout, asked)).await.map_err(no_round)?;
    let format = negotiate::format(whole(request.headers(), ACCEPT).as_deref());
    let encoding = accept_encoding::encoding(whole(request.headers(), ACCEPT_ENCODING).as_deref());
    // What a HEAD asks for is shown to nobody.
    let body = if request.method() == Method::HEAD { app.proxy.peek(&query, format) } else { app.proxy.answer(&query, format) };
    let body = body.map_err(refused)?;
    let length = body.len();
    let (body, encoding) = app.proxy.packed(body, encoding);
    let exposition = Exposition { format: name(format), encoding: encoding.as_str(), bytes: length };
    let mut response = answer(StatusCode::OK, negotiate::content_type(format), body);
    if encoding != Encoding::Identity {
        set(&mut response, CONTENT_ENCODING, encoding.as_str());
    }
    response.extensions_mut().insert(exposition);
    Ok(response)
}

fn refused(why: Refusal) -> (StatusCode, String) {
    let status = match why {
        Refusal::UnknownSource { .. } => StatusCode::BAD_REQUEST,
        Refusal::NotReady | Refusal::NothingYet | Refusal::RequiredDown(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, why.to_string())
}

fn no_round(why: RoundError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
}

/// All headers of a name as one.
fn whole(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let all: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Value of the `format` label.
fn name(format: Format) -> &'static str {
    match format {
        Format::Text004 => "text_0.0.4",
        Format::Text100(_) => "text_1.0.0",
        Format::OpenMetrics001 => "openmetrics_0.0.1",
        Format::OpenMetrics100(_) => "openmetrics_1.0.0",
        Format::Protobuf(_) => "protobuf",
    }
}
