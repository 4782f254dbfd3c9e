//! A plain reader of text 0.0.4 and OpenMetrics: strict where an answer of the program must be, and slow, which is no matter here.

use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;

/// Labels, sorted by name.
pub type Labels = BTreeMap<String, String>;

/// A whole answer.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    pub samples: Vec<Sample>,
    /// Type by family name, both as written.
    pub types: BTreeMap<String, String>,
    /// Help by family name, both as written.
    pub helps: BTreeMap<String, String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Labels,
    pub value: f64,
    pub timestamp: Option<String>,
    pub exemplar: Option<Exemplar>,
}

/// What stands behind the second `#` of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub labels: Labels,
    pub value: f64,
    pub timestamp: Option<f64>,
}

impl Sample {
    /// Name and labels in one spelling: equal for equal series.
    pub fn series(&self) -> String {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }
}

impl Exposition {
    /// The samples that have the selector's name and (at least) its labels: `name` or `name{label="value"}`.
    pub fn select(&self, selector: &str) -> Vec<&Sample> {
        let wanted = parse_series(selector).unwrap_or_else(|error| panic!("selector {selector}: {error}")).0;
        let has =
            |s: &&Sample| s.name == wanted.name && wanted.labels.iter().all(|(name, value)| s.labels.get(name) == Some(value));
        self.samples.iter().filter(has).collect()
    }

    /// The sum of [`Exposition::select`]; 0 of nothing.
    pub fn sum(&self, selector: &str) -> f64 {
        self.select(selector).iter().map(|sample| sample.value).sum()
    }

    /// The value of the one series selected; `None` if there is none or more than one.
    pub fn value(&self, selector: &str) -> Option<f64> {
        match self.select(selector)[..] {
            [sample] => Some(sample.value),
            _ => None,
        }
    }
}

/// Reads one answer.
pub fn parse(text: &str) -> Result<Exposition, String> {
    let mut exposition = Exposition::default();
    let mut seen = BTreeSet::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no line feed".into());
    }
    for (index, line) in text.lines().enumerate() {
        read_line(line, &mut exposition, &mut seen).map_err(|why| format!("line {}: {why}: {line}", index + 1))?;
    }
    Ok(exposition)
}

fn read_line(line: &str, into: &mut Exposition, seen: &mut BTreeSet<String>) -> Result<(), String> {
    if let Some(rest) = line.strip_prefix("# TYPE ") {
        let (name, kind) = rest.split_once(' ').ok_or("a TYPE line without a type")?;
        return first(into.types.insert(name.into(), kind.into()), "a second TYPE line for this family");
    }
    if let Some(rest) = line.strip_prefix("# HELP ") {
        let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
        return first(into.helps.insert(name.into(), help.into()), "a second HELP line for this family");
    }
    if line.starts_with('#') || line.is_empty() {
        return Ok(());
    }
    let (mut sample, rest) = parse_series(line)?;
    let (values, exemplar) = rest.split_once(" # ").map_or((rest.as_str(), None), |(values, exemplar)| (values, Some(exemplar)));
    let mut values = values.split_whitespace();
    sample.value = number(values.next().ok_or("no value")?)?;
    sample.timestamp = values.next().map(Into::into);
    if values.next().is_some() {
        return Err("more than a value and a timestamp".into());
    }
    sample.exemplar = exemplar.map(parse_exemplar).transpose()?;
    if !seen.insert(sample.series()) {
        return Err("this series stands there twice".into());
    }
    into.samples.push(sample);
    Ok(())
}

fn first(before: Option<String>, otherwise: &str) -> Result<(), String> {
    if before.is_none() { Ok(()) } else { Err(otherwise.into()) }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Reads name and labels; gives the rest of the line.
fn parse_series(line: &str) -> Result<(Sample, String), String> {
    let end = line.find(['{', ' ']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (Labels::new(), rest.to_string()),
    };
    Ok((Sample { name: name.into(), labels, value: f64::NAN, timestamp: None, exemplar: None }, rest))
}

/// Reads labels from behind the opening brace; gives what follows the closing one.
fn parse_labels(inside: &str) -> Result<(Labels, String), String> {
    let mut labels = Labels::new();
    let mut chars = inside.chars();
    loop {
        let name: String = take_until(&mut chars, &['=', '}'])?;
        if name.is_empty() {
            return Ok((labels, chars.collect()));
        }
        if chars.next() != Some('"') {
            return Err(format!("the value of label {name} isn't quoted"));
        }
        let value = quoted(&mut chars)?;
        let value = if name == "le" || name == "quantile" { number(&value)?.to_string() } else { value };
        // A label with an empty value is the same as none.
        if !value.is_empty() && labels.insert(name.clone(), value).is_some() {
            return Err(format!("label {name} twice"));
        }
        match chars.next() {
            Some(',') => (),
            Some('}') => return Ok((labels, chars.collect())),
            other => return Err(format!("{other:?} after a label")),
        }
    }
}

fn take_until(chars: &mut Chars<'_>, ends: &[char]) -> Result<String, String> {
    let mut taken = String::new();
    for c in chars {
        if ends.contains(&c) {
            return Ok(taken);
        }
        taken.push(c);
    }
    Err("labels without an end".into())
}

fn quoted(chars: &mut Chars<'_>) -> Result<String, String> {
    let mut value = String::new();
    loop {
        match chars.next().ok_or("a quote without an end")? {
            '"' => return Ok(value),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => return Err(format!("escape {other:?}")),
            },
            c => value.push(c),
        }
    }
}

fn parse_exemplar(text: &str) -> Result<Exemplar, String> {
    let (labels, rest) = parse_labels(text.strip_prefix('{').ok_or("an exemplar without labels")?)?;
    let mut values = rest.split_whitespace();
    let value = number(values.next().ok_or("an exemplar without a value")?)?;
    Ok(Exemplar { labels, value, timestamp: values.next().map(number).transpose()? })
}
