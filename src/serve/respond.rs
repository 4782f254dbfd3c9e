use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;

/// An answer.
pub(super) type Response = http::Response<Full<Bytes>>;

/// Content-Type of plain texts.
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer of this type.
pub(super) fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    // Said here, since an answer to HEAD goes out without the body that would tell.
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// A plain text of one line.
pub(super) fn text(status: StatusCode, line: impl std::fmt::Display) -> Response {
    answer(status, TEXT, format!("{line}\n"))
}

/// Sets a header. A value that HTTP does not allow, which none of ours is, would be left out.
pub(super) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
