//! The table.

use std::time::{Duration, SystemTime};

/// A quantity.
pub struct Row {
    what: String,
    ours: String,
    beside: String,
    /// What is judged: a ratio, or the quantity itself in the unit that `what` names.
    value: f64,
    limit: Option<Limit>,
}

/// What must be reached, and what is aimed at.
#[derive(Clone, Copy)]
pub enum Limit {
    /// `value` must be this or more.
    AtLeast { must: f64, aim: f64 },
    /// `value` must be this or less.
    AtMost { must: f64, aim: f64 },
}

impl Row {
    /// Ours did the work of `beside` in less time: `value` says how many times faster.
    pub fn faster(what: String, ours: Duration, beside: Duration) -> Self {
        let value = beside.as_secs_f64() / ours.as_secs_f64();
        Self { what, ours: duration(ours), beside: duration(beside), value, limit: None }
    }

    /// Ours does more than `beside`, which is the least anyone could do: `value` says how many times dearer it is.
    pub fn dearer(what: String, ours: Duration, beside: Duration) -> Self {
        let value = ours.as_secs_f64() / beside.as_secs_f64();
        Self { what, ours: duration(ours), beside: duration(beside), value, limit: None }
    }

    /// A quantity with nothing beside it; its unit stands in `what`.
    pub fn plain(what: String, value: f64) -> Self {
        Self { what, ours: String::new(), beside: String::new(), value, limit: None }
    }

    /// The row is judged.
    pub fn limit(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// Everything measured so far.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        eprintln!("  {}: {} / {} = {}", row.what, row.ours, row.beside, number(row.value));
        self.0.push(row);
    }

    /// Prints it as Markdown.
    pub fn print(&self) {
        println!("{}", machine());
        println!();
        let head = ["quantity", "ours", "beside", "value", "must", "aim", ""].map(String::from);
        let rows: Vec<[String; 7]> = std::iter::once(head).chain(self.0.iter().map(cells)).collect();
        let widths: [usize; 7] = std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
        for (i, row) in rows.iter().enumerate() {
            let first = format!("{:<1$}", row[0], widths[0]);
            let others: String = (1..7).map(|c| format!(" | {:>1$}", row[c], widths[c])).collect();
            println!("| {first}{others} |");
            if i == 0 {
                let lines: String = widths[1..].iter().map(|w| format!(" | {}:", "-".repeat(w - usize::from(*w > 0)))).collect();
                println!("| {}{lines} |", "-".repeat(widths[0]));
            }
        }
    }
}

fn cells(row: &Row) -> [String; 7] {
    let (must, aim, verdict) = match row.limit {
        None => (String::new(), String::new(), ""),
        Some(Limit::AtLeast { must, aim }) => {
            (format!("≥ {must}"), format!("≥ {aim}"), verdict(row.value >= must, row.value >= aim))
        }
        Some(Limit::AtMost { must, aim }) => {
            (format!("≤ {must}"), format!("≤ {aim}"), verdict(row.value <= must, row.value <= aim))
        }
    };
    [row.what.clone(), row.ours.clone(), row.beside.clone(), number(row.value), must, aim, verdict.into()]
}

fn verdict(reached: bool, aimed: bool) -> &'static str {
    match (reached, aimed) {
        (true, true) => "aim",
        (true, false) => "ok",
        _ => "MISS",
    }
}

/// Three digits.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn duration(d: Duration) -> String {
    let nanos = d.as_nanos() as f64;
    match nanos {
        n if n < 1e3 => format!("{} ns", number(n)),
        n if n < 1e6 => format!("{} µs", number(n / 1e3)),
        n if n < 1e9 => format!("{} ms", number(n / 1e6)),
        n => format!("{} s", number(n / 1e9)),
    }
}

/// No number without the machine it was measured on.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown CPU", |(_, m)| m);
    let family = |key: &str| {
        let of = |line: &str| line.strip_prefix(key)?.trim_start().strip_prefix(": ").map(str::to_owned);
        cpu.lines().find_map(of).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ");
    let kernel = read("/proc/sys/kernel/osrelease");
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!(
        "{date}, onescrape {}; {cores} × {model} (family {}, model {}, {} MHz), Linux {}; load {load}",
        env!("CARGO_PKG_VERSION"),
        family("cpu family"),
        family("model\t"),
        family("cpu MHz"),
        kernel.trim(),
    )
}
