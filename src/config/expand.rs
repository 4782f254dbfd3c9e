//! `${VAR}` and `${VAR:-default}` in values.

/// How the environment is asked; the process' own or a test's.
pub type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The environment of this process; what isn't text counts as unset.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Replaces `${VAR}`, and `${VAR:-default}` where VAR is unset or empty. `$${` stands for `${`; any other `$` for itself. What a
/// variable holds is not looked at again.
pub(crate) fn expand(text: &str, env: &Env<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if let Some(after) = from.strip_prefix("$${") {
            out.push_str("${");
            after
        } else if let Some(reference) = from.strip_prefix("${") {
            let (inside, after) = reference.split_once('}').ok_or("`${` without `}`; `$${` stands for a plain `${`")?;
            out.push_str(&resolve(inside, env)?);
            after
        } else {
            out.push('$');
            &from[1..]
        };
    }
    out.push_str(rest);
    Ok(out)
}

fn resolve(inside: &str, env: &Env<'_>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut chars = name.chars();
    let legal =
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !legal {
        return Err(format!("{name:?} is not a variable's name; expected ${{NAME}} or ${{NAME:-default}}"));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) if default.contains("${") => Err("a default can't hold another `${`".into()),
        (_, Some(default)) => Ok(default.to_string()),
        (None, None) => Err(format!("environment variable {name} is not set; set it or give a default: ${{{name}:-default}}")),
    }
}

/// The text that [`expand`] turns into `text`.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("web".into()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced() {
        for (text, want) in [
            ("${HOST}:5001", "web:5001"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${UNSET:-a:b}", "a:b"),
            ("${UNSET:-}", ""),
            ("${NESTED}", "${HOST}"),
            ("$${HOST}", "${HOST}"),
            ("a$b$$c$", "a$b$$c$"),
        ] {
            assert_eq!(expand(text, &env).as_deref(), Ok(want), "{text}");
        }
        for bad in ["${UNSET}", "${", "${}", "${1A}", "${A B}", "${UNSET:-${HOST}}"] {
            assert!(expand(bad, &env).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn escape_is_undone(text in "[${}a:-]{0,12}") {
            prop_assert_eq!(expand(&escape(&text), &env), Ok(text));
        }
    }
}
