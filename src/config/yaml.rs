//! YAML as a tree that remembers where everything stands. Composed here from the parser's events, since a configuration must be
//! able to show every mistake at once and nothing in a file may cost more than its size: duplicate keys are mistakes, aliases are
//! paid for, depth is bounded.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use std::collections::HashMap;

/// Largest configuration file in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;
/// Most memory of a tree in bytes, roughly, once every alias stands for what it repeats.
const WEIGHT_MAX: usize = 16 << 20;
/// What a node weighs beside its text.
const NODE_WEIGHT: usize = size_of::<Entry>();
/// Deepest nesting; the configuration itself needs 5.
const DEPTH_MAX: usize = 32;

/// A place in the file, both from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// What is wrong with the file as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a node holds. Scalars stay text: what they mean is for the key to say.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Value {
    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping of keys to values",
        }
    }
}

/// Reads one document. Faults that leave a tree (duplicate keys, tags) come beside it; others come without one.
pub(crate) fn compose(bytes: &[u8]) -> (Option<Node>, Vec<Fault>) {
    let text = match checked_text(bytes) {
        Ok(text) => text,
        Err(fault) => return (None, vec![fault]),
    };
    let mut composer = Composer { parser: Parser::new_from_str(text), anchors: HashMap::new(), weight: 0, faults: Vec::new() };
    let root = composer.document();
    let mut faults = composer.faults;
    (root.map_err(|fault| faults.push(fault)).ok(), faults)
}

fn checked_text(bytes: &[u8]) -> Result<&str, Fault> {
    let at_start = Place { line: 1, column: 1 };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Fault { place: at_start, message: format!("the file is larger than {FILE_BYTES_MAX} bytes") });
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
        let last_line = good.rsplit('\n').next().unwrap_or_default();
        let place = Place { line: good.matches('\n').count() + 1, column: last_line.chars().count() + 1 };
        Fault { place, message: "the file is not UTF-8 from here on".into() }
    })
}

struct Anchored {
    node: Node,
    weight: usize,
    height: usize,
}

struct Composer<'input> {
    parser: Parser<'input, StrInput<'input>>,
    /// Finished nodes that have an anchor; an alias within its own anchor finds nothing.
    anchors: HashMap<usize, Anchored>,
    weight: usize,
    faults: Vec<Fault>,
}

impl<'input> Composer<'input> {
    fn next(&mut self) -> Result<(Event<'input>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(e)) => Err(Fault { place: e.marker().into(), message: format!("not valid YAML: {}", e.info()) }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The only document of the stream; an empty stream is an empty document.
    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => {
                    return Ok(root.unwrap_or(Node { place: Place { line: 1, column: 1 }, value: Value::Null }));
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if root.is_some() => {
                    return Err(Fault { place: (&span.start).into(), message: "a second document; one is allowed".into() });
                }
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'input>, span: Span, depth: usize) -> Result<Node, Fault> {
        let place = Place::from(&span.start);
        if depth > DEPTH_MAX {
            return Err(too_deep(place));
        }
        let (anchor, tag, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(NODE_WEIGHT + text.len(), place)?;
                (anchor, tag, scalar(&text, style))
            }
            Event::SequenceStart(anchor, tag) => {
                self.spend(NODE_WEIGHT, place)?;
                (anchor, tag, Value::List(self.items(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(NODE_WEIGHT, place)?;
                (anchor, tag, Value::Map(self.entries(depth)?))
            }
            Event::Alias(id) => return self.repeat(id, place, depth),
            _ => return Err(Fault { place, message: "a value is missing here".into() }),
        };
        if let Some(tag) = tag {
            self.faults.push(Fault { place, message: format!("tags such as {tag} are not used here; remove it") });
        }
        let node = Node { place, value };
        if anchor > 0 {
            let (weight, height) = measure(&node);
            self.spend(weight, place)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, height });
        }
        Ok(node)
    }

    /// What an alias stands for, at the alias' own place: that is where the reader looks.
    fn repeat(&mut self, id: usize, place: Place, depth: usize) -> Result<Node, Fault> {
        let unfinished = || Fault { place, message: "an alias of what isn't finished yet".into() };
        let (weight, height) = self.anchors.get(&id).map(|a| (a.weight, a.height)).ok_or_else(unfinished)?;
        if depth + height > DEPTH_MAX {
            return Err(too_deep(place));
        }
        self.spend(weight, place)?;
        let value = self.anchors.get(&id).map(|a| a.node.value.clone()).ok_or_else(unfinished)?;
        Ok(Node { place, value })
    }

    fn spend(&mut self, weight: usize, place: Place) -> Result<(), Fault> {
        self.weight += weight;
        if self.weight > WEIGHT_MAX {
            return Err(Fault {
                place,
                message: "the file holds too much from here on, aliases counted as what they repeat".into(),
            });
        }
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let fault = |message| Fault { place: key.place, message };
            match key.value {
                Value::Scalar(name) => match lines.insert(name.clone(), key.place.line) {
                    Some(first) => {
                        self.faults.push(fault(format!("key {name:?} stands twice, first in line {first}")));
                        lines.insert(name, first);
                    }
                    None => entries.push(Entry { key: name, place: key.place, value }),
                },
                other => self.faults.push(fault(format!("expected a key, found {}", other.describe()))),
            }
        }
    }
}

fn too_deep(place: Place) -> Fault {
    Fault { place, message: format!("nested deeper than {DEPTH_MAX} levels") }
}

/// Weight and height of a tree; its depth is already bounded.
fn measure(node: &Node) -> (usize, usize) {
    let add = |(weight, height): (usize, usize), child: &Node, text: usize| {
        let (w, h) = measure(child);
        (weight + w + text, height.max(h + 1))
    };
    match &node.value {
        Value::Null => (NODE_WEIGHT, 0),
        Value::Scalar(text) => (NODE_WEIGHT + text.len(), 0),
        Value::List(items) => items.iter().fold((NODE_WEIGHT, 0), |sum, item| add(sum, item, 0)),
        Value::Map(entries) => entries.iter().fold((NODE_WEIGHT, 0), |sum, e| add(sum, &e.value, NODE_WEIGHT + e.key.len())),
    }
}

/// Null as YAML 1.2's core schema has it.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        Value::Null
    } else {
        Value::Scalar(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        compose(text.as_bytes()).1.into_iter().map(|f| format!("{}:{} {}", f.place.line, f.place.column, f.message)).collect()
    }

    #[test]
    fn every_duplicate_key_is_told_with_its_place() {
        assert_eq!(
            faults("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n"),
            [
                "2:11 key \"c\" stands twice, first in line 2",
                "3:1 key \"a\" stands twice, first in line 1",
                "4:1 key \"a\" stands twice, first in line 1"
            ]
        );
    }

    #[test]
    fn aliases_are_paid_for() {
        assert_eq!(faults("a: &x [1, 2]\nb: *x\n"), Vec::<String>::new());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..10 {
            let repeated = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{repeated}]\n"));
        }
        assert_eq!(faults(&bomb).len(), 1);
        assert!(faults(&bomb)[0].contains("holds too much"));
        let mut chain = String::from("a0: &a0 [x]\n");
        for i in 1..100 {
            chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
        }
        assert!(faults(&chain)[0].contains("nested deeper"));
        assert!(faults("a: &x [*x]\n")[0].contains("isn't finished"));
    }

    #[test]
    fn depth_and_encoding_are_bounded() {
        assert!(faults(&"[".repeat(100))[0].contains("nested deeper"));
        assert!(faults(&"- ".repeat(5000))[0].contains("nested deeper"));
        assert_eq!(
            compose(b"a: 1\nb: \xff").1,
            [Fault { place: Place { line: 2, column: 4 }, message: "the file is not UTF-8 from here on".into() }]
        );
        assert!(compose(&vec![b' '; FILE_BYTES_MAX + 1]).0.is_none());
    }
}
