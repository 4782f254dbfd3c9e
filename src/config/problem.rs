use std::fmt;
use std::sync::Arc;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In the configuration file.
    File {
        /// The file's name as given.
        file: Arc<str>,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// As a command-line flag, for example `--workers`.
    Flag(String),
    /// As an environment variable.
    Env(String),
    /// By nobody: something is missing.
    Nowhere,
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// Path of the key in the file, for example `sources[0].expect`; empty for flags and for the file as a whole.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { file, line, column } => write!(f, "{file}:{line}:{column}: ")?,
            Origin::Flag(flag) => write!(f, "{flag}: ")?,
            Origin::Env(name) => write!(f, "{name} (environment): ")?,
            Origin::Nowhere => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Why a configuration can't be used: every mistake found, one per line, in the order of the file, then of the flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The mistakes; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A setting as it was written, with where that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The text, variables replaced.
    pub text: String,
    /// Path of the key; empty for flags and environment.
    pub key: String,
    /// Where it stands.
    pub origin: Origin,
}

impl Given {
    /// The text as another type, or a problem at this place.
    ///
    /// # Errors
    /// What `parse` says, with the place of the setting.
    pub fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Problem> {
        parse(&self.text).map_err(|message| self.problem(message))
    }

    /// A problem at this place.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { origin: self.origin.clone(), key: self.key.clone(), message: message.into() }
    }
}

impl fmt::Display for Given {
    /// The place in words, to point at from another place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { line, .. } => write!(f, "{} (line {line})", self.key),
            Origin::Flag(name) | Origin::Env(name) => f.write_str(name),
            Origin::Nowhere => f.write_str("the defaults"),
        }
    }
}

/// Collects mistakes, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// The value, or `None` once the problem is noted.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }

    /// `value` if nothing was noted.
    pub(crate) fn into_result<T>(mut self, value: T) -> Result<T, ConfigErrors> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_unstable();
        self.0.dedup();
        Err(ConfigErrors { problems: self.0 })
    }
}
