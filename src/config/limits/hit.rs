//! Limits by name, to be counted.

/// A limit whose hits are counted in `onescrape_limit_hits_total`, under its name in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // their meaning stands with the settings of the same names
pub enum Limit {
    BodyBytesMax,
    ClientHeaderBytesMax,
    ClientHeaderTimeout,
    ClientResponseTimeout,
    ClientWriteTimeout,
    ConnectionsMax,
    FileBytesMax,
    FilesMax,
    HeaderBytesMax,
    LabelValueBytesMax,
    LabelsMax,
    MaxSeries,
    MaxSlots,
    RedirectsMax,
    ScrapesMax,
}

impl Limit {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 15] = [
        Self::BodyBytesMax,
        Self::ClientHeaderBytesMax,
        Self::ClientHeaderTimeout,
        Self::ClientResponseTimeout,
        Self::ClientWriteTimeout,
        Self::ConnectionsMax,
        Self::FileBytesMax,
        Self::FilesMax,
        Self::HeaderBytesMax,
        Self::LabelValueBytesMax,
        Self::LabelsMax,
        Self::MaxSeries,
        Self::MaxSlots,
        Self::RedirectsMax,
        Self::ScrapesMax,
    ];

    /// Its name in the configuration, and as value of the label `limit`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BodyBytesMax => "body_bytes_max",
            Self::ClientHeaderBytesMax => "client_header_bytes_max",
            Self::ClientHeaderTimeout => "client_header_timeout",
            Self::ClientResponseTimeout => "client_response_timeout",
            Self::ClientWriteTimeout => "client_write_timeout",
            Self::ConnectionsMax => "connections_max",
            Self::FileBytesMax => "file_bytes_max",
            Self::FilesMax => "files_max",
            Self::HeaderBytesMax => "header_bytes_max",
            Self::LabelValueBytesMax => "label_value_bytes_max",
            Self::LabelsMax => "labels_max",
            Self::MaxSeries => "max_series",
            Self::MaxSlots => "max_slots",
            Self::RedirectsMax => "redirects_max",
            Self::ScrapesMax => "scrapes_max",
        }
    }
}
