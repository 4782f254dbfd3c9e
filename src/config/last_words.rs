//! `last_words`: what a worker brings itself before it ends, and who may bring it.

use super::choice::Choice;
use super::key::{Form, Key, names};
use super::reader::{Field, Reader};
use super::shown::Shown;
use super::value::choice;
use std::path::PathBuf;

/// The most that one series may grow by with one message, where nothing else is said: more than any worker counts between two
/// scrapes, but less than would make a forged one unbearable.
const GROWTH_MAX_DEFAULT: f64 = 1e9;

const KEYS: &[Key] = &[
    Key::new("enabled", Form::Flag, "whether they are heard").or("false"),
    Key::new("token_file", Form::Text, "file with the token that whoever brings them shows. Not given: over a unix socket only"),
    Key::new("growth_max", Form::Number, "a message by which any series would grow by more is refused whole").or("1e9"),
];

/// Keys under `last_words`.
pub(super) fn last_words_keys() -> Vec<&'static Key> {
    KEYS.iter().collect()
}

/// Whether a source hears last words, and from whom.
#[derive(Debug, Clone, PartialEq)]
pub struct LastWordsConfig {
    /// Default: no.
    pub enabled: bool,
    /// File with the token that whoever brings them shows; read again when it changes. Without it they come over a unix socket only.
    pub token_file: Option<PathBuf>,
    /// The most that any series may grow by with one message; with more it is refused whole. Default 1e9.
    pub growth_max: f64,
}

impl Default for LastWordsConfig {
    fn default() -> Self {
        Self { enabled: false, token_file: None, growth_max: GROWTH_MAX_DEFAULT }
    }
}

pub(super) fn read_last_words(reader: &mut Reader<'_>, field: &Field<'_>) -> LastWordsConfig {
    let mut config = LastWordsConfig::default();
    let Some(map) = reader.map_of(field, &names(KEYS)) else { return config };
    if let Some(field) = map.get("enabled") {
        reader.set(&mut config.enabled, &field, choice);
    }
    config.token_file = map.get("token_file").and_then(|field| reader.file(&field));
    if let Some(field) = map.get("growth_max") {
        reader.set(&mut config.growth_max, &field, growth);
    }
    config
}

fn growth(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{text:?} is not a number above 0, like 1e9"))
}

pub(super) fn show_last_words(config: &LastWordsConfig) -> Shown {
    let file = config.token_file.as_ref().map_or(Shown::Nothing, |path| Shown::text(&path.display().to_string()));
    Shown::Map(vec![
        ("enabled".into(), Shown::Word(config.enabled.word().into())),
        ("token_file".into(), file),
        ("growth_max".into(), Shown::Word(format!("{:e}", config.growth_max))),
    ])
}
