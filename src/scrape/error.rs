use super::DirectoryFile;
use crate::compression::UnpackError;
use crate::config::Limit;
use bytes::Bytes;
use std::time::Duration;

/// Why a scrape gave nothing. The variants are what people and alerts branch on; the text inside says the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// Nothing listens: a vacant slot of a port range.
    #[error("connection refused: nothing listens there")]
    Refused,
    /// No connection for another reason: DNS, no route, no such socket file, reset.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No secure connection, or none that can be trusted.
    #[error("TLS: {why}")]
    Tls {
        /// What is wrong.
        fault: TlsFault,
        /// The same in words.
        why: String,
    },
    /// The credentials to send can't be read.
    #[error("no credentials to send: {0}")]
    Credentials(String),
    /// No whole answer in time. Accepted but silent: stuck.
    #[error("no answer within {:.3} s", after.as_secs_f64())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// An HTTP status other than 200.
    #[error("answered HTTP status {code}{}", detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Status {
        /// The status code.
        code: u16,
        /// The `Location` of a redirect, or the first words of the body.
        detail: Option<String>,
    },
    /// The body is no exposition of the expected kind: HTML, garbage, a bad line.
    #[error("cannot read the answer: {0}")]
    Parse(String),
    /// The body ended early: fewer bytes than announced, no `# EOF`, no final line feed, connection reset midway.
    #[error("the answer was cut short: {0}")]
    Truncated(String),
    /// The body is larger than the limit.
    #[error("the answer is larger than {limit} bytes (limits.body_bytes_max)")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Another limit was hit.
    #[error("{what} ({})", limit.name())]
    OverLimit {
        /// Which.
        limit: Limit,
        /// What there is too much of, in words.
        what: String,
    },
}

/// What is wrong with a secure connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate is of another name.
    Name,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not begun.
    NotYetValid,
    /// No authority known here has signed the certificate.
    UnknownIssuer,
    /// The certificate is itself an authority, as those made by hand often are.
    SelfSigned,
    /// The target wants a certificate of ours, or another than it got.
    OwnCertificate,
    /// What came is no TLS.
    PlainHttp,
    /// Our side of it can't be set up: a file, a key.
    Setup,
    /// Anything else.
    Other,
}

impl Missed {
    /// Every value of the `outcome` label but `ok`.
    pub const OUTCOMES: [&str; 7] = ["refused", "connect", "timeout", "status", "parse", "truncated", "too_large"];

    /// A panic while a target was read or its body applied: it costs this one outcome.
    pub(crate) fn fault() -> Self {
        Self::Parse("a fault in onescrape itself; please report it".into())
    }

    /// The value of the `outcome` label.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Connect(_) | Self::Tls { .. } | Self::Credentials(_) => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Status { .. } | Self::OverLimit { limit: Limit::RedirectsMax, .. } => "status",
            Self::Parse(_) => "parse",
            Self::Truncated(_) => "truncated",
            Self::TooLarge { .. } | Self::OverLimit { .. } => "too_large",
        }
    }

    /// The limit that was hit, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooLarge { .. } => Some(Limit::BodyBytesMax),
            Self::OverLimit { limit, .. } => Some(*limit),
            _ => None,
        }
    }
}

impl From<crate::parse::ParseError> for Missed {
    fn from(error: crate::parse::ParseError) -> Self {
        if error.truncated { Self::Truncated(error.to_string()) } else { Self::Parse(error.to_string()) }
    }
}

impl From<UnpackError> for Missed {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::TooLarge { limit } => Self::TooLarge { limit },
            UnpackError::Truncated { .. } => Self::Truncated(error.to_string()),
            UnpackError::Broken { .. } => Self::Parse(error.to_string()),
        }
    }
}

/// What one scrape of one target brought.
#[derive(Debug, Clone)]
pub struct Scraped {
    /// The whole body with its Content-Type, or why there is none.
    pub result: Result<Body, Missed>,
    /// From the first connect to the last byte.
    pub duration: Duration,
}

/// A whole body of a status 200.
#[derive(Debug, Clone)]
pub struct Body {
    /// The Content-Type header as sent, if there was one.
    pub content_type: Option<String>,
    /// The bytes; none if the body was streamed.
    pub bytes: Bytes,
    /// How many bytes there were of a body that its source took as it came.
    pub streamed: Option<usize>,
}

impl Body {
    /// Bytes it had.
    pub fn length(&self) -> usize {
        self.streamed.unwrap_or(self.bytes.len())
    }
}

/// A part of a body on its way to its source.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// A status 200 came, with this Content-Type.
    Begin(Option<&'a str>),
    /// The next bytes.
    Bytes(&'a [u8]),
    /// The body was whole.
    End,
    /// In place of bytes, of a directory: a file is there.
    Listed(&'a DirectoryFile),
    /// The contents of a file that was wanted, or why it can't be read.
    Contents(&'a DirectoryFile, Result<&'a [u8], &'a str>),
    /// Comes before contents that are not there since this limit was hit.
    OverLimit(Limit),
}

/// What a source did with a part of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It took the part and wants the next.
    Taken,
    /// It wants the body as a whole ([`Part::Begin`] only).
    Whole,
    /// It wants the contents of the file ([`Part::Listed`] only).
    Wanted,
    /// It can't go on without the whole body: the target must be read again.
    Again,
}

/// Where a body goes as it comes.
pub type Sink<'a> = dyn FnMut(Part<'_>) -> Result<Receipt, Missed> + Send + 'a;
