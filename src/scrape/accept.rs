//! The Accept header of a scrape.

use crate::config::{ScrapeProtocol, SourceConfig};
use crate::protobuf::MEDIA_TYPE;
use std::fmt::Write;

/// The q-value of the first format, in tenths: one more than there are formats, as Prometheus has it. Each next one gets one less, and
/// anything at all the least.
const QUALITY_TENTHS_FIRST: usize = 6;

/// What the targets of `source` are asked for: the configured formats, else those of its kind.
pub(super) fn accept(source: &SourceConfig) -> String {
    let accept = match source.scrape_protocols.as_slice() {
        [] => source.kind.accept.to_string(),
        protocols => of_protocols(protocols),
    };
    // What this build can't read isn't asked for.
    let ranges = accept.split(',').filter(|range| cfg!(feature = "protobuf") || !range.starts_with(MEDIA_TYPE));
    ranges.collect::<Vec<_>>().join(",")
}

/// The header as Prometheus 3 builds it for names of any characters.
fn of_protocols(protocols: &[ScrapeProtocol]) -> String {
    let mut accept = String::new();
    let mut tenths = QUALITY_TENTHS_FIRST;
    for protocol in protocols {
        // Writing to a String can't fail.
        let _ = write!(accept, "{};q=0.{tenths},", media_range(*protocol));
        tenths = tenths.saturating_sub(1);
    }
    let _ = write!(accept, "*/*;q=0.{tenths}");
    accept
}

fn media_range(protocol: ScrapeProtocol) -> &'static str {
    match protocol {
        ScrapeProtocol::PrometheusProto => {
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
        }
        ScrapeProtocol::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1",
        ScrapeProtocol::OpenMetricsText100 => "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
        ScrapeProtocol::PrometheusText004 => "text/plain;version=0.0.4",
        ScrapeProtocol::PrometheusText100 => "text/plain;version=1.0.0;escaping=allow-utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScrapeProtocol::{OpenMetricsText001, OpenMetricsText100, PrometheusProto, PrometheusText004, PrometheusText100};

    /// Verbatim headers of Prometheus 3.5.
    #[test]
    fn headers_are_those_of_prometheus() {
        let text_only = [OpenMetricsText100, OpenMetricsText001, PrometheusText100, PrometheusText004];
        let want = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(of_protocols(&text_only), want);
        assert_eq!(of_protocols(&[PrometheusText004]), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
    }

    /// What exporters are asked for unless told otherwise is protobuf first, as Prometheus' default with native histograms.
    #[test]
    fn exporters_are_asked_for_protobuf_first() {
        let kind = crate::source::KINDS.iter().find(|kind| kind.name == "exporter").unwrap();
        let mut source = SourceConfig::new("x", kind, Vec::new());
        let default = accept(&source);
        source.scrape_protocols =
            vec![PrometheusProto, OpenMetricsText100, OpenMetricsText001, PrometheusText100, PrometheusText004];
        assert_eq!(accept(&source), default);
    }
}
