//! The `Authorization` of a scrape, its files read again when they change.

use super::Missed;
use crate::config::{Credentials, Kept};
use crate::files::{FileError, Fresh, Reading};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

/// Makes the header.
#[derive(Debug)]
pub(super) struct Authorizer(Fresh<HeaderValue, Missed>);

impl Authorizer {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self(Fresh::new(move |reading| header(&credentials, reading)))
    }

    /// Puts it among the headers.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) -> Result<(), Missed> {
        headers.insert(AUTHORIZATION, HeaderValue::clone(&*self.0.get()?));
        Ok(())
    }
}

fn header(credentials: &Credentials, reading: &mut Reading) -> Result<HeaderValue, Missed> {
    let text = match credentials {
        Credentials::Basic { username, password } => {
            let username = word(username, reading)?;
            let password = password.as_ref().map_or(Ok(String::new()), |kept| word(kept, reading))?;
            format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
        }
        Credentials::Token { scheme, credentials } => format!("{scheme} {}", word(credentials, reading)?),
    };
    let mut header = HeaderValue::try_from(text).map_err(|_| {
        Missed::Credentials("what the file with credentials holds can't be sent: more than one line of text?".into())
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn word(kept: &Kept, reading: &mut Reading) -> Result<String, Missed> {
    match kept {
        Kept::Here(secret) => Ok(secret.expose().to_string()),
        Kept::File(path) => reading.read_word(path).map_err(|error: FileError| Missed::Credentials(error.to_string())),
    }
}
