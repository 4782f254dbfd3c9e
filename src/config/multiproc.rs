//! How directories of multiprocess files are read.

/// How a directory of multiprocess files is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultiprocConfig {
    /// How it is known which processes live. Default `auto`.
    pub liveness: Liveness,
    /// Files in a directory; one with more is not read at all. Default 20,000.
    pub files_max: usize,
    /// Bytes in use of a file; one with more is left out. Default 64 MiB.
    pub file_bytes_max: usize,
}

impl Default for MultiprocConfig {
    fn default() -> Self {
        Self { liveness: Liveness::Auto, files_max: 20_000, file_bytes_max: 64 << 20 }
    }
}

/// How it is known which processes of a directory live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Liveness {
    /// By `/proc`, once a process was seen there that holds a file of its own: so we see the application's processes. Else as `files`.
    #[default]
    Auto,
    /// By `/proc`.
    Proc,
    /// All are taken to live whose files are there, as `prometheus_client` itself does.
    Files,
}
