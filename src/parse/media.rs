//! What a Content-Type says about the body.

use super::{ParseError, Place};
use crate::protobuf::{ENCODING, MEDIA_TYPE as PROTOBUF, PROTO};

/// The media type of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text";

/// The formats there are a parser for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Text,
    OpenMetrics,
    #[cfg(feature = "protobuf")]
    Protobuf,
}

/// The format of a body of this Content-Type; whatever is not another is text.
///
/// # Errors
/// Protobuf of another message or not delimited. A parameter that is missing is taken for granted, as Prometheus' own reader does.
pub(super) fn media(content_type: Option<&str>) -> Result<Media, ParseError> {
    if is_openmetrics(content_type) {
        return Ok(Media::OpenMetrics);
    }
    if !is_protobuf(content_type) {
        return Ok(Media::Text);
    }
    let text = content_type.unwrap_or_default();
    for (name, value) in text.split(';').skip(1).filter_map(|parameter| parameter.split_once('=')) {
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        for (known, wanted) in [PROTO, ENCODING] {
            if name.eq_ignore_ascii_case(known) && value != wanted {
                let why = format!("protobuf of which only {known}={wanted} can be read");
                return Err(ParseError::at(Place::ContentType, why, text));
            }
        }
    }
    #[cfg(feature = "protobuf")]
    return Ok(Media::Protobuf);
    #[cfg(not(feature = "protobuf"))]
    Err(ParseError::at(Place::ContentType, "this build reads no protobuf", text))
}

/// Whether a body of this Content-Type is read as OpenMetrics.
pub(crate) fn is_openmetrics(content_type: Option<&str>) -> bool {
    media_type(content_type).eq_ignore_ascii_case(OPENMETRICS)
}

/// Whether a body of this Content-Type is read as protobuf, which has no lines.
pub(crate) fn is_protobuf(content_type: Option<&str>) -> bool {
    media_type(content_type).eq_ignore_ascii_case(PROTOBUF)
}

fn media_type(content_type: Option<&str>) -> &str {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

#[cfg(all(test, feature = "protobuf"))]
mod tests {
    use super::*;

    #[test]
    fn formats_by_content_type() {
        for (content_type, want) in [
            (None, Media::Text),
            (Some("text/html"), Media::Text),
            (Some("Application/OpenMetrics-Text ; version=1.0.0"), Media::OpenMetrics),
            (Some("application/vnd.google.protobuf"), Media::Protobuf),
            (
                Some(
                    "application/vnd.google.protobuf; Proto=\"io.prometheus.client.MetricFamily\" ;encoding=delimited; escaping=values",
                ),
                Media::Protobuf,
            ),
        ] {
            assert_eq!(media(content_type), Ok(want), "{content_type:?}");
        }
    }

    #[test]
    fn other_forms_of_protobuf_are_refused() {
        for other in ["proto=io.prometheus.client.MetricFamily;encoding=text", "proto=io.prometheus.write.v2.Request"] {
            let error = media(Some(&format!("application/vnd.google.protobuf;{other}"))).unwrap_err();
            assert_eq!(error.place, Place::ContentType);
            assert!(error.to_string().contains("only"), "{error}");
        }
    }
}
