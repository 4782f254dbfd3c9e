/// What every file ends with.
const ENDING: &str = ".db";
/// What a gauge's mode begins with if only living processes count.
const LIVE: &str = "live";

/// How a gauge's values of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GaugeFold {
    /// One series per process, with its id as label `pid`.
    All,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// The one that was set last.
    MostRecent,
}

impl GaugeFold {
    /// Every one with its name in file names.
    const NAMES: [(Self, &'static str); 5] =
        [(Self::All, "all"), (Self::Min, "min"), (Self::Max, "max"), (Self::Sum, "sum"), (Self::MostRecent, "mostrecent")];
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// Counters.
    Counter,
    /// Buckets and sums of histograms; buckets are not cumulative here.
    Histogram,
    /// Counts and sums of summaries.
    Summary,
    /// Gauges of one mode.
    Gauge {
        /// How values of several processes become one.
        fold: GaugeFold,
        /// Whether only living processes count.
        live: bool,
    },
}

impl FileKind {
    /// Whether what it holds only grows, and is kept when its process or its file has gone.
    pub fn is_total(self) -> bool {
        !matches!(self, Self::Gauge { .. })
    }

    /// Whether only living processes count.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Gauge { live: true, .. })
    }
}

/// The name of a file, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName<'a> {
    /// What it holds.
    pub kind: FileKind,
    /// What names its process: the process id, or whatever the application's `process_identifier` gave.
    pub process: &'a str,
    /// The name up to the process, `gauge_livesum` for example.
    pub prefix: &'a str,
}

impl<'a> FileName<'a> {
    /// Understands `counter_PID.db`, `histogram_PID.db`, `summary_PID.db` and `gauge_[live]MODE_PID.db`.
    pub fn parse(name: &'a str) -> Option<Self> {
        let stem = name.strip_suffix(ENDING)?;
        let (kind, rest) = stem.split_once('_')?;
        let (kind, process) = match kind {
            "counter" => (FileKind::Counter, rest),
            "histogram" => (FileKind::Histogram, rest),
            "summary" => (FileKind::Summary, rest),
            "gauge" => {
                let (mode, process) = rest.split_once('_')?;
                let plain = mode.strip_prefix(LIVE);
                let fold = plain.unwrap_or(mode);
                let (fold, _) = GaugeFold::NAMES.iter().find(|(_, word)| *word == fold)?;
                (FileKind::Gauge { fold: *fold, live: plain.is_some() }, process)
            }
            _ => return None,
        };
        let prefix = stem.strip_suffix(process)?.strip_suffix('_')?;
        (!process.is_empty()).then_some(Self { kind, process, prefix })
    }

    /// The process id, if it is one.
    pub fn pid(&self) -> Option<u32> {
        pid(self.process)
    }
}

/// The process id that a process is named by, if it is one.
fn pid(process: &str) -> Option<u32> {
    let is_canonical = process.bytes().all(|b| b.is_ascii_digit()) && !process.starts_with('0');
    is_canonical.then(|| process.parse().ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind() {
        let parsed = |name| FileName::parse(name).map(|n| (n.kind, n.process, n.prefix));
        assert_eq!(parsed("counter_17.db"), Some((FileKind::Counter, "17", "counter")));
        assert_eq!(parsed("summary_w_1.db"), Some((FileKind::Summary, "w_1", "summary")));
        let gauge = |fold, live| FileKind::Gauge { fold, live };
        assert_eq!(parsed("gauge_all_17.db"), Some((gauge(GaugeFold::All, false), "17", "gauge_all")));
        assert_eq!(parsed("gauge_livemostrecent_17.db").unwrap().0, gauge(GaugeFold::MostRecent, true));
        for bad in
            ["counter.db", "counter_.db", "counter_1", "gauge_1.db", "gauge_avg_1.db", "gauge_live_1.db", "enum_1.db", ".db", ""]
        {
            assert_eq!(parsed(bad), None, "{bad}");
        }
        let pid = |name| FileName::parse(name).unwrap().pid();
        assert_eq!((pid("counter_17.db"), pid("counter_017.db"), pid("counter_x.db")), (Some(17), None, None));
        assert_eq!(pid("counter_99999999999.db"), None);
    }
}
