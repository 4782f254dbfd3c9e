//! Log events on standard error: logfmt or JSON, the same keys in both: `ts`, `level`, `msg`, then the event's own fields.

use crate::config::{LogConfig, LogFormat, LogLevel};
use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Sends log events of the whole process to standard error.
///
/// # Errors
/// If that has been done before.
pub fn init(config: LogConfig) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(config, std::io::stderr))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic costs what it happened in, a request or the scrape of a target, and is an event like any other.
fn log_panic(info: &PanicHookInfo<'_>) {
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let reason = text.unwrap_or("no words");
    tracing::error!(at, reason, "a fault in onescrape itself; please report it");
}

/// What [`init`] sets up, writing elsewhere: each event one line, written at once to what `writer` gives.
pub fn subscriber<W: Write>(config: LogConfig, writer: impl Fn() -> W + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    Lines { most: filter(config.level), format: config.format, writer }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

/// One line per event. There are no spans in this program; those of libraries are not shown.
struct Lines<F> {
    most: LevelFilter,
    format: LogFormat,
    writer: F,
}

impl<W: Write, F: Fn() -> W + 'static> Subscriber for Lines<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let ts = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let head = [("ts", ts.as_str()), ("level", word(*event.metadata().level())), ("msg", &fields.message)];
        let mut line = String::new();
        let written = match self.format {
            LogFormat::Logfmt => write_logfmt(&mut line, &head, &fields.others),
            LogFormat::Json => write_json(&mut line, &head, fields.others),
        };
        // There is nowhere to tell that nothing can be told.
        let _ = written.map(|()| (self.writer)().write_all(line.as_bytes()));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event's message and its other fields in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        match (field.name(), value.into()) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, value.to_string());
    }
}

fn write_logfmt(out: &mut String, head: &[(&str, &str)], others: &[(&'static str, Value)]) -> fmt::Result {
    for (i, (key, value)) in head.iter().enumerate() {
        out.write_str(if i == 0 { "" } else { " " })?;
        write!(out, "{key}=")?;
        write_value(out, value)?;
    }
    for (key, value) in others {
        write!(out, " {key}=")?;
        match value {
            Value::String(text) => write_value(out, text)?,
            other => write!(out, "{other}")?,
        }
    }
    out.write_char('\n')
}

/// Bare where it can't be misread, else in double quotes; a line stays one line whatever a target sent.
fn write_value(out: &mut String, text: &str) -> fmt::Result {
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(bare) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            '\n' => out.write_str("\\n")?,
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

fn write_json(out: &mut String, head: &[(&str, &str)], others: Vec<(&'static str, Value)>) -> fmt::Result {
    let mut object = Map::new();
    object.extend(others.into_iter().map(|(key, value)| (key.to_string(), value)));
    object.extend(head.iter().map(|(key, value)| ((*key).to_string(), Value::from(*value))));
    writeln!(out, "{}", Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, format: LogFormat, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        tracing::subscriber::with_default(subscriber(LogConfig { level, format }, move || writer.clone()), work);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn without_time(line: &str) -> &str {
        line.split_once(' ').map_or("", |(_, rest)| rest)
    }

    #[test]
    fn logfmt_is_one_line_whatever_is_in_it() {
        let text = logged(LogLevel::Info, LogFormat::Logfmt, || {
            tracing::info!(source = "django", slots = 4, ratio = 0.5, ok = true, "worker came up");
            tracing::warn!(why = "a \"b\"\nlevel=error\u{1b}", empty = "", url = %"http://h:1/x", "odd");
            tracing::debug!("not shown");
        });
        let lines: Vec<_> = text.lines().map(without_time).collect();
        assert_eq!(
            lines,
            [
                "level=info msg=\"worker came up\" source=django slots=4 ratio=0.5 ok=true",
                r#"level=warn msg=odd why="a \"b\"\nlevel=error\u001b" empty="" url=http://h:1/x"#,
            ]
        );
        let ts = text.strip_prefix("ts=").and_then(|t| t.split(' ').next()).unwrap();
        assert!(humantime::parse_rfc3339(ts).is_ok(), "{ts}");
    }

    #[test]
    fn a_panic_is_an_event_with_its_place() {
        let text = logged(LogLevel::Error, LogFormat::Json, || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let caught = std::panic::catch_unwind(|| panic!("out of {}", "cheese"));
            std::panic::set_hook(before);
            assert!(caught.is_err());
        });
        let event: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&event["level"], &event["reason"]), (&"error".into(), &"out of cheese".into()));
        assert!(event["at"].as_str().is_some_and(|at| at.contains("logging.rs:")), "{text}");
    }

    #[test]
    fn json_has_the_same_keys() {
        let text = logged(LogLevel::Debug, LogFormat::Json, || tracing::debug!(slots = 4, why = "a\nb", "hello"));
        let value: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert_eq!(
            (&value["level"], &value["msg"], &value["slots"], &value["why"]),
            (&"debug".into(), &"hello".into(), &4.into(), &"a\nb".into())
        );
        assert!(value["ts"].is_string());
    }
}
