use super::Escaping;
use super::escape::label_name;
use crate::model::{Exemplar, push_label_name, push_number, push_quoted};
use std::borrow::Cow;

/// Characters that the names and values of an exemplar's labels may have together, by the OpenMetrics specification. Servers hold
/// exemplars of protobuf to it, too.
const LABEL_CHARS_MAX: usize = 128;

/// The names of an exemplar's labels as the scheme writes them. `None` where the exemplar is too long or its label names coincide
/// after escaping: it is left out.
pub(super) fn label_names<'e>(exemplar: &'e Exemplar<'_>, escaping: Escaping) -> Option<Vec<Cow<'e, str>>> {
    let chars: usize = exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if chars > LABEL_CHARS_MAX {
        return None;
    }
    let names: Vec<_> = exemplar.labels.iter().map(|(name, _)| label_name(name, escaping)).collect();
    let coincide = names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|before| before == name));
    (!coincide).then_some(names)
}

/// Writes ` # {labels} value timestamp`, or nothing.
pub(super) fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar<'_>, escaping: Escaping) {
    let Some(names) = label_names(exemplar, escaping) else { return };
    out.extend_from_slice(b" # {");
    for (at, (name, (_, value))) in names.iter().zip(&exemplar.labels).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_label_name(out, name);
        out.push(b'=');
        push_quoted(out, value);
    }
    out.extend_from_slice(b"} ");
    push_number(out, exemplar.value);
    if let Some(seconds) = exemplar.timestamp.filter(|seconds| seconds.is_finite()) {
        out.push(b' ');
        push_number(out, seconds);
    }
}
