//! One conclusion: what was seen, what is probably behind it, what to do, and what to paste.

use super::code::Code;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Data is wrong or missing in silence, or will be.
    Warning,
    /// Data is missing now.
    Error,
}

impl Severity {
    /// The severity in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// Name of the source.
    pub source: String,
    /// The target ids concerned; empty: the source as a whole.
    pub targets: Vec<String>,
    /// What was seen.
    pub text: String,
    /// The likely cause, and what to do.
    pub fix: Option<String>,
    /// The same, to be pasted.
    pub pastes: Vec<Paste>,
}

impl Finding {
    /// A finding about a source as a whole, without a fix yet.
    pub fn new(severity: Severity, code: Code, source: &str, text: impl Into<String>) -> Self {
        Self { severity, code, source: source.into(), targets: Vec::new(), text: text.into(), fix: None, pastes: Vec::new() }
    }

    /// The same about these targets.
    pub fn at(mut self, targets: Vec<String>) -> Self {
        self.targets = targets;
        self
    }

    /// The same with its cause and what to do.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The same with something to paste.
    pub fn paste(mut self, place: Place, text: impl Into<String>) -> Self {
        self.pastes.push(Paste { place, text: text.into() });
        self
    }
}

/// Lines that mend what was found, pasted as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paste {
    /// Where they go.
    pub place: Place,
    /// The lines.
    pub text: String,
}

/// Where something is pasted. A key that is there already is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into this source of the configuration file.
    Source,
    /// Into the configuration file, at its top level.
    File,
    /// Into Django's settings.
    Settings,
    /// Into Django's URLs.
    Urls,
    /// Into gunicorn's configuration.
    Gunicorn,
    /// Into uWSGI's ini file.
    Uwsgi,
    /// Into nginx' server block.
    Nginx,
    /// Into this service of the compose file.
    Compose,
}

impl Place {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::File => "file",
            Self::Settings => "settings",
            Self::Urls => "urls",
            Self::Gunicorn => "gunicorn",
            Self::Uwsgi => "uwsgi",
            Self::Nginx => "nginx",
            Self::Compose => "compose",
        }
    }

    /// The same for people.
    pub fn in_words(self, source: &str) -> String {
        match self {
            Self::Source => format!("in the configuration file, source {source}:"),
            Self::File => "in the configuration file, top level:".into(),
            Self::Settings => "in Django's settings.py:".into(),
            Self::Urls => "in Django's urls.py:".into(),
            Self::Gunicorn => "in gunicorn.conf.py:".into(),
            Self::Uwsgi => "in uwsgi.ini:".into(),
            Self::Nginx => "in nginx' server block:".into(),
            Self::Compose => "in the compose file, at onescrape:".into(),
        }
    }
}
