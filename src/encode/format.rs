/// How names outside the legacy character set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are, quoted.
    AllowUtf8,
    /// Every illegal character becomes `_`.
    Underscores,
    /// Reversible, dots become `_dot_`.
    Dots,
    /// Reversible, `U__` and hexadecimal code points.
    Values,
}

/// An exposition format as negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4; names are escaped with underscores.
    Text004,
    /// Prometheus text 1.0.0.
    Text100(Escaping),
    /// OpenMetrics 0.0.1 as old servers ask for; names are escaped with underscores.
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    OpenMetrics100(Escaping),
    /// Delimited protobuf.
    Protobuf(Escaping),
}

/// How an exposition is written: a format, and what one may choose within it. A format alone stands for its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Style {
    /// The format.
    pub format: Format,
    /// Whether OpenMetrics has `_created` lines, each a series of its own to most servers. Protobuf has the times as fields, always; the
    /// text formats never have them. Default false.
    pub openmetrics_created: bool,
}

impl From<Format> for Style {
    fn from(format: Format) -> Self {
        Self { format, openmetrics_created: false }
    }
}

impl Format {
    /// How this format writes names outside the legacy character set.
    pub fn escaping(self) -> Escaping {
        match self {
            Self::Text004 | Self::OpenMetrics001 => Escaping::Underscores,
            Self::Text100(escaping) | Self::OpenMetrics100(escaping) | Self::Protobuf(escaping) => escaping,
        }
    }

    /// Whether it is OpenMetrics, of either version.
    pub fn is_openmetrics(self) -> bool {
        matches!(self, Self::OpenMetrics001 | Self::OpenMetrics100(_))
    }
}
