//! YAML read as JSON values, every scalar as text: enough to look at configurations of other programs.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use std::path::Path;

/// Reads a file of one document.
pub fn read(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    parse(&text)
}

/// Reads one document.
pub fn parse(text: &str) -> Value {
    read_document(text, |text, _| Value::String(text))
}

/// Reads one document with scalars as YAML 1.2's core schema has them, as editors and validators read it.
pub fn typed(text: &str) -> Value {
    read_document(text, |text, style| match (style, text.as_str()) {
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        (ScalarStyle::Plain, "true" | "false") => Value::Bool(text == "true"),
        (ScalarStyle::Plain, _) => serde_json::from_str::<Number>(&text).map_or(Value::String(text), Value::Number),
        _ => Value::String(text),
    })
}

fn read_document(text: &str, scalar: fn(String, ScalarStyle) -> Value) -> Value {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), scalar };
    loop {
        match reader.next() {
            Event::StreamStart | Event::DocumentStart(_) => {}
            event => return reader.value(event),
        }
    }
}

struct Reader<'input> {
    parser: Parser<'input, StrInput<'input>>,
    anchors: HashMap<usize, Value>,
    scalar: fn(String, ScalarStyle) -> Value,
}

impl<'input> Reader<'input> {
    fn next(&mut self) -> Event<'input> {
        let event = self.parser.next_event().expect("the document ends too early");
        event.unwrap_or_else(|error| panic!("not valid YAML: {error}")).0
    }

    fn value(&mut self, event: Event<'input>) -> Value {
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, (self.scalar)(text.into_owned(), style)),
            Event::SequenceStart(anchor, _) => (anchor, self.items()),
            Event::MappingStart(anchor, _) => (anchor, self.entries()),
            Event::Alias(id) => return self.anchors.get(&id).expect("an alias of something").clone(),
            other => panic!("a value is missing: {other:?}"),
        };
        self.anchors.insert(anchor, value.clone());
        value
    }

    fn items(&mut self) -> Value {
        let mut items = Vec::new();
        loop {
            match self.next() {
                Event::SequenceEnd => return Value::Array(items),
                event => items.push(self.value(event)),
            }
        }
    }

    fn entries(&mut self) -> Value {
        let mut entries = Map::new();
        loop {
            match self.next() {
                Event::MappingEnd => return Value::Object(entries),
                event => {
                    let key = match self.value(event) {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    let value_event = self.next();
                    let value = self.value(value_event);
                    assert!(entries.insert(key.clone(), value).is_none(), "{key} stands twice");
                }
            }
        }
    }
}
