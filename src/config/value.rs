//! What single values mean: sizes, counts, words, names. Each says what is wrong and what is allowed.

use super::choice::Choice;
use super::{GaugeMode, GaugeRule};
use crate::merge::rules;
use crate::model::is_legacy_label_name;
use std::ops::RangeInclusive;

/// Longest name of a source in characters: it stands on every own series of it.
const NAME_CHARS_MAX: usize = 128;
/// Shortest likeness (Jaro–Winkler) of words for a "did you mean".
const SIMILAR: f64 = 0.8;
/// Characters of regular expressions that no metric name has.
const REGEX_CHARS: &[char] = &['^', '$', '(', ')', '[', ']', '{', '}', '\\', '|', '+', '?'];

/// A number of bytes: plain, or with one of the units of [`SIZE_UNITS`].
pub(crate) fn size(text: &str, allowed: &RangeInclusive<usize>) -> Result<usize, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
    match (number.parse::<usize>(), factor) {
        (Ok(number), Some(factor)) => in_range(number.saturating_mul(factor), text, allowed),
        _ => Err(format!("{text:?} is not a size; write bytes or a whole number and a unit, like 64MiB or 1GB")),
    }
}

/// Units of sizes with their bytes.
const SIZE_UNITS: &[(&str, usize)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The size in the largest unit that divides it.
pub(crate) fn show_size(bytes: usize) -> String {
    let unit = SIZE_UNITS.iter().rev().find(|(name, factor)| name.ends_with("iB") && bytes > 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{}{name}", bytes / factor))
}

/// A whole number.
pub(crate) fn count(text: &str, allowed: &RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten();
    let number = number.ok_or_else(|| format!("{text:?} is not a whole number from {} to {}", allowed.start(), allowed.end()))?;
    in_range(number, text, allowed)
}

fn in_range(number: usize, text: &str, allowed: &RangeInclusive<usize>) -> Result<usize, String> {
    if allowed.contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text} is out of range: allowed is from {} to {}", allowed.start(), allowed.end()))
    }
}

/// One of the words of a [`Choice`].
pub(crate) fn choice<T: Choice>(text: &str) -> Result<T, String> {
    let words = || T::WORDS.iter().map(|(_, word)| *word);
    let found = T::WORDS.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
    found.ok_or_else(|| format!("{text:?} is not one of {}{}", listed(words()), did_you_mean(text, words())))
}

/// Words with commas between.
pub(crate) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// `; did you mean …?` if one of the words is near, else nothing.
pub(crate) fn did_you_mean<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> String {
    let lower = text.to_lowercase();
    let nearest = words
        .map(|word| (strsim::jaro_winkler(&lower, word), word))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, word)| format!("; did you mean {word:?}?"))
}

/// A source's name, which is a label value: any text that can be read and told apart on a page.
pub(crate) fn source_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a source needs a name".into());
    }
    if text.trim() != text || text.chars().any(char::is_control) || text.chars().count() > NAME_CHARS_MAX {
        return Err(format!(
            "{text:?} is no name for a source: at most {NAME_CHARS_MAX} characters, no control characters, no blanks around it"
        ));
    }
    Ok(text.to_string())
}

/// A legal label name that no histogram or summary needs.
pub(crate) fn worker_label(text: &str) -> Result<String, String> {
    match text {
        "le" | "quantile" => Err(format!("{text:?} is the label of histograms or summaries; choose another")),
        _ if text.starts_with("__") => Err(format!("{text:?}: labels that begin with __ belong to Prometheus; choose another")),
        _ if is_legacy_label_name(text) => Ok(text.to_string()),
        _ => Err(format!("{text:?} is no label name; letters, digits and _ are allowed, no digit first")),
    }
}

/// A path of an HTTP request, with its query if there is one.
pub(crate) fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} is no path; it begins with /"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(format!("{text:?} is no path: blanks, # and characters outside ASCII are written as %XX"));
    }
    Ok(text.to_string())
}

/// A glob over family names.
pub(crate) fn pattern(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{text:?} matches no metric: names have no blanks and at least one character"));
    }
    // A dot alone may be part of a name (Prometheus 3 allows any); after `_` or at the start it is a regular expression's.
    if text.contains(REGEX_CHARS) || text.starts_with(".*") || text.contains("_.*") {
        return Err(format!("{text:?} is a regular expression; here * alone matches any run of characters, like *_queue_size"));
    }
    Ok(text.to_string())
}

/// What [`GaugeMode`]s a default may have: `counter` speaks of single families.
pub(crate) fn gauge_default(text: &str) -> Result<GaugeMode, String> {
    match choice(text)? {
        GaugeMode::Counter => Err("\"counter\" is for single families without a type, in a rule under gauges".into()),
        mode => Ok(mode),
    }
}

/// The first earlier rule that takes everything rule `at` would match, if any. Matching the pattern as if it were a name is exact
/// here: a `*` in it can only be swallowed by a `*` of the earlier one.
pub(crate) fn shadowed_by(rules: &[GaugeRule], at: usize) -> Option<usize> {
    let own = rules.get(at)?;
    rules.iter().take(at).position(|earlier| rules::matches(&earlier.pattern, &own.pattern))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_counts() {
        let any = 0..=usize::MAX;
        for (text, want) in [("64MiB", 64 << 20), ("1GiB", 1 << 30), ("1000", 1000), ("2 kB", 2000), ("7B", 7)] {
            assert_eq!(size(text, &any), Ok(want), "{text}");
        }
        for bad in ["", "MiB", "1.5MiB", "-1", "1TiB", "99999999999999999999", "1mib"] {
            assert!(size(bad, &any).is_err(), "{bad}");
        }
        assert!(size("18446744073709551615GiB", &(0..=1000)).is_err());
        for bad in ["", "+1", "1e3", "-1", "11"] {
            assert!(count(bad, &(1..=10)).is_err(), "{bad}");
        }
        assert_eq!(count("10", &(1..=10)), Ok(10));
    }

    #[test]
    fn patterns_are_globs() {
        for good in ["*", "*_queue", "a*b", "http.server.*", "ws:rate5m"] {
            assert!(pattern(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "^a", "django_.*", ".*_x", "a|b", "[ab]*", "a?"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
        let rules = ["*_a", "x_*", "x_*_a", "y_a", "z"].map(|p| GaugeRule { pattern: p.into(), mode: GaugeMode::Sum });
        let shadows: Vec<_> = (0..rules.len()).map(|i| shadowed_by(&rules, i)).collect();
        assert_eq!(shadows, [None, None, Some(0), Some(0), None]);
    }

    #[test]
    fn near_words_are_proposed() {
        assert!(choice::<GaugeMode>("summ").unwrap_err().ends_with("did you mean \"sum\"?"));
        assert!(!choice::<GaugeMode>("zzz").unwrap_err().contains("did you mean"));
    }

    proptest! {
        #[test]
        fn values_never_panic_and_read_back(text in ".{0,30}", bytes in any::<u32>()) {
            let _ = size(&text, &(0..=usize::MAX));
            let _ = count(&text, &(0..=usize::MAX));
            let _ = (pattern(&text), path(&text), worker_label(&text), source_name(&text), choice::<bool>(&text));
            let bytes = bytes as usize;
            prop_assert_eq!(size(&show_size(bytes), &(0..=usize::MAX)), Ok(bytes));
        }
    }
}
