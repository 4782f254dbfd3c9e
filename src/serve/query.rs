use crate::round::Query;

/// Reads the query of a request for metrics. Parameters that mean nothing here are left alone: scrapers may add their own.
///
/// # Errors
/// A value that means nothing, in words.
pub(super) fn parse(query: Option<&str>) -> Result<Query, String> {
    let mut parsed = Query::default();
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*key {
            "source" => parsed.sources.push(value.into_owned()),
            "name[]" => parsed.names.push(value.into_owned()),
            "merge" if value == "none" => parsed.unmerged = true,
            "merge" => return Err(format!("merge={value:?} is not known; only merge=none")),
            _ => {}
        }
    }
    // Spelled in one way, so that equal requests share an answer.
    for list in [&mut parsed.sources, &mut parsed.names] {
        list.sort_unstable();
        list.dedup();
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        assert_eq!(parse(None), Ok(Query::default()));
        let want = Query { sources: vec!["a".into(), "b c".into()], names: vec!["up".into()], unmerged: true };
        assert_eq!(parse(Some("source=b%20c&source=a&source=a&name%5B%5D=up&merge=none&x=1")), Ok(want));
        assert!(parse(Some("merge=all")).is_err());
    }
}
