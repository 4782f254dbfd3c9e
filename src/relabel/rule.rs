use super::label_set::LabelSet;
use super::pattern::Pattern;
use super::template::{Template, is_malformed};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are the words in configuration; https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
pub enum Action {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Action {
    /// Every action with its word.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Replace, "replace"),
        (Self::Keep, "keep"),
        (Self::Drop, "drop"),
        (Self::KeepEqual, "keepequal"),
        (Self::DropEqual, "dropequal"),
        (Self::HashMod, "hashmod"),
        (Self::LabelMap, "labelmap"),
        (Self::LabelDrop, "labeldrop"),
        (Self::LabelKeep, "labelkeep"),
        (Self::Lowercase, "lowercase"),
        (Self::Uppercase, "uppercase"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, word)| word)
    }
}

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// A rule as it is written; `None` stands for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSpec {
    /// Labels whose values are joined.
    pub source_labels: Option<Vec<String>>,
    /// What stands between them. Default `;`.
    pub separator: Option<String>,
    /// What the joined values are matched with, as a whole. Default `(.*)`.
    pub regex: Option<String>,
    /// What the hash is taken modulo of.
    pub modulus: Option<u64>,
    /// The label that is set or compared with; may refer to groups of the expression (replace).
    pub target_label: Option<String>,
    /// What it is set to (replace), or the name that labels are copied to (labelmap). Default `$1`.
    pub replacement: Option<String>,
    /// What is done. Default: replace.
    pub action: Action,
}

/// Why a rule can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct RuleError {
    /// The key at fault.
    pub key: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// A rule that can be applied.
#[derive(Debug, Clone)]
pub struct Rule {
    spec: RuleSpec,
    pattern: Pattern,
    target: Template,
    replacement: Template,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Rule {
    /// Checks a rule as Prometheus does.
    ///
    /// # Errors
    /// What Prometheus refuses too: a bad expression, a key that is missing, one that the action doesn't use.
    pub fn new(spec: RuleSpec) -> Result<Self, RuleError> {
        check(&spec)?;
        let pattern =
            Pattern::new(spec.regex.as_deref().unwrap_or(DEFAULT_REGEX)).map_err(|message| RuleError { key: "regex", message })?;
        let template = |text: Option<&str>| Template::new(text.unwrap_or_default(), pattern.regex());
        let target = template(spec.target_label.as_deref());
        let replacement = template(spec.replacement.as_deref().or(Some(DEFAULT_REPLACEMENT)));
        Ok(Self { target, replacement, pattern, spec })
    }

    /// The rule as it was written.
    pub fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    /// Whether it leaves the labels of what it keeps alone.
    pub(super) fn only_chooses(&self) -> bool {
        matches!(self.spec.action, Action::Keep | Action::Drop | Action::KeepEqual | Action::DropEqual)
    }

    /// Applies the rule. False: the series is dropped.
    pub(super) fn apply(&self, labels: &mut LabelSet<'_>) -> bool {
        let regex = self.pattern.regex();
        let target = || self.spec.target_label.clone().unwrap_or_default();
        match self.spec.action {
            Action::Keep => return regex.is_match(&self.joined(labels)),
            Action::Drop => return !regex.is_match(&self.joined(labels)),
            Action::KeepEqual => return labels.get(&target()) == self.joined(labels),
            Action::DropEqual => return labels.get(&target()) != self.joined(labels),
            Action::Replace => self.replace(labels),
            Action::HashMod => labels.set(target(), self.bucket_of(&self.joined(labels)).to_string()),
            Action::Lowercase => labels.set(target(), in_case(&self.joined(labels), char::to_lowercase)),
            Action::Uppercase => labels.set(target(), in_case(&self.joined(labels), char::to_uppercase)),
            Action::LabelMap => self.map(labels),
            Action::LabelDrop => labels.retain(|name| !regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name| regex.is_match(name)),
        }
        true
    }

    fn joined(&self, labels: &LabelSet<'_>) -> String {
        let values: Vec<&str> = self.spec.source_labels.iter().flatten().map(|name| labels.get(name)).collect();
        values.join(self.spec.separator.as_deref().unwrap_or(DEFAULT_SEPARATOR))
    }

    fn replace(&self, labels: &mut LabelSet<'_>) {
        let value = self.joined(labels);
        let Some(captures) = self.pattern.regex().captures(&value) else { return };
        let target = self.target.expand(&captures);
        if !target.is_empty() {
            labels.set(target, self.replacement.expand(&captures));
        }
    }

    fn map(&self, labels: &mut LabelSet<'_>) {
        let copy = |(name, value): (&str, &str)| {
            let captures = self.pattern.regex().captures(name)?;
            Some((self.replacement.expand(&captures), value.to_string()))
        };
        let copies: Vec<_> = labels.iter().filter_map(copy).filter(|(name, _)| !name.is_empty()).collect();
        copies.into_iter().for_each(|(name, value)| labels.set(name, value));
    }

    /// The last eight bytes of the MD5 sum as a big-endian number, modulo the modulus.
    fn bucket_of(&self, value: &str) -> u64 {
        let md5::Digest([_, _, _, _, _, _, _, _, tail @ ..]) = md5::compute(value);
        u64::from_be_bytes(tail).checked_rem(self.spec.modulus.unwrap_or_default()).unwrap_or_default()
    }
}

/// The text letter by letter, as Go does it: a letter whose other case is several (`ß`) stays.
fn in_case<I: Iterator<Item = char> + Clone>(text: &str, case: impl Fn(char) -> I) -> String {
    let letter = |c| match (case(c).count(), case(c).next()) {
        (1, Some(other)) => other,
        _ => c,
    };
    text.chars().map(letter).collect()
}

fn check(spec: &RuleSpec) -> Result<(), RuleError> {
    use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace, Uppercase};
    let action = spec.action.word();
    let refused = |key: &'static str, message: String| Err(RuleError { key, message });
    if spec.action == HashMod && spec.modulus.unwrap_or_default() == 0 {
        return refused("modulus", "missing; hashmod needs a number above 0".into());
    }
    let target = spec.target_label.as_deref().unwrap_or_default();
    let needs_target = matches!(spec.action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
    if needs_target && target.is_empty() {
        return refused("target_label", format!("missing; {action} needs the label it is about"));
    }
    if spec.action == Replace && is_malformed(target) || needs_target && spec.action != Replace && target.contains('$') {
        return refused("target_label", format!("{target:?} is no label name for {action}"));
    }
    let replacement = spec.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT);
    if spec.action == LabelMap && (replacement.is_empty() || is_malformed(replacement)) {
        return refused("replacement", format!("{replacement:?} is no label name for labelmap"));
    }
    let given = [
        ("source_labels", spec.source_labels.is_some()),
        ("target_label", !target.is_empty()),
        ("regex", spec.regex.as_deref().is_some_and(|regex| regex != DEFAULT_REGEX)),
        ("modulus", spec.modulus.is_some_and(|modulus| modulus != 0)),
        ("separator", spec.separator.as_deref().is_some_and(|separator| separator != DEFAULT_SEPARATOR)),
        ("replacement", replacement != DEFAULT_REPLACEMENT),
    ];
    let allowed: &[&str] = match spec.action {
        KeepEqual | DropEqual => &["source_labels", "target_label"],
        LabelDrop | LabelKeep => &["regex"],
        Lowercase | Uppercase => &["source_labels", "target_label", "regex", "modulus", "separator"],
        _ => return Ok(()),
    };
    match given.iter().find(|(key, given)| *given && !allowed.contains(key)) {
        Some((key, _)) => refused(key, format!("{action} has no use for it")),
        None => Ok(()),
    }
}
