//! What is logged, and how.

/// What is logged, and how. Always to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// Events below this level are left out. Default `info`.
    pub level: LogLevel,
    /// How events are printed. Default `logfmt`.
    pub format: LogFormat,
}

/// How grave an event must be to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are the words in configuration
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `ts=… level=info msg="…" key=value`.
    #[default]
    Logfmt,
    /// One JSON object a line with the same keys.
    Json,
}
