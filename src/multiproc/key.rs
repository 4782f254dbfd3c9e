use serde::Deserialize;
use std::collections::BTreeMap;

/// The key of an entry: which series it is, as the JSON list `[family, sample, {label: value}, help]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The metric's name; of a counter without `_total`.
    pub family: String,
    /// The sample's name.
    pub sample: String,
    /// Labels; of a bucket with `le`.
    pub labels: BTreeMap<String, String>,
    /// Help text.
    pub help: String,
}

/// Why a key can't be understood.
#[derive(Debug, thiserror::Error)]
#[error("it is not a list of family, sample, labels and help ({0}); was it written by an old prometheus_client?")]
pub struct BadKey(#[from] serde_json::Error);

/// The list itself.
#[derive(Deserialize)]
struct List(String, String, BTreeMap<String, String>, String);

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// Any other JSON, or none.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let List(family, sample, labels, help) = serde_json::from_str(text)?;
        Ok(Self { family, sample, labels, help })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_as_python_writes_them() {
        let key = Key::parse(r#"["http", "http_total", {"a": "\u00e9\"", "b": ""}, "Help\nme"]"#).unwrap();
        assert_eq!((key.family.as_str(), key.sample.as_str(), key.help.as_str()), ("http", "http_total", "Help\nme"));
        assert_eq!(key.labels["a"], "é\"");
        for bad in ["", "[]", "{}", r#"["a","a",{}]"#, r#"["a","a",{},"h",1]"#, r#"["a","a",{"x":1},"h"]"#, "[[[[", "null"] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
    }
}
