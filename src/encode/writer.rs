use super::escape::{self, Taken};
use super::exemplar::push_exemplar;
use super::{EncodeReport, Escaping, FamilyView, Format, NativeView, SampleView, Style, kinds};
use crate::model::{MetricType, Role, child_labels, is_legacy_metric_name, push_escaped, push_number, push_quoted};
use foldhash::{HashSet, HashSetExt};
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::mem::discriminant;

/// An exposition being written.
pub(super) struct Writer<'a, 'o> {
    format: Format,
    escaping: Escaping,
    openmetrics_created: bool,
    out: &'o mut Vec<u8>,
    /// Names of all families, where OpenMetrics needs to know whether one without its suffix is free.
    family_names: HashSet<&'a str>,
    /// Names in use, where escaping could make one twice.
    taken: Option<Taken>,
    /// Finds a quoted label name in a head. The value `"="` looks the same: it costs time, nothing else.
    quoted_label: Finder<'static>,
    report: EncodeReport,
}

/// Lines under one TYPE line.
struct Section<'s> {
    name: &'s str,
    word: &'static str,
    help: &'s str,
    unit: &'s str,
}

impl<'a, 'o> Writer<'a, 'o> {
    pub(super) fn new(families: &[FamilyView<'a>], style: Style, out: &'o mut Vec<u8>) -> Self {
        let Style { format, openmetrics_created } = style;
        let escaping = format.escaping();
        let escapes = escaping != Escaping::AllowUtf8 && families.iter().any(|family| !is_legacy_metric_name(family.name));
        let mut family_names = HashSet::new();
        if format.is_openmetrics() {
            family_names.extend(families.iter().map(|family| family.name));
        }
        Self {
            format,
            escaping,
            openmetrics_created,
            out,
            family_names,
            taken: escapes.then(Taken::new),
            quoted_label: Finder::new("\"="),
            report: EncodeReport::default(),
        }
    }

    pub(super) fn finish(self) -> EncodeReport {
        if self.format.is_openmetrics() {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.report
    }

    pub(super) fn family(&mut self, family: &FamilyView<'a>) {
        let name = escape::metric_name(family.name, self.escaping);
        let escaped = matches!(name, Cow::Owned(_));
        if let Some(taken) = &mut self.taken
            && !taken.take(&name, family.kind, escaped)
        {
            self.report.escape_collisions += family.samples.len() + family.natives.len();
            return;
        }
        let quotes = |head: &str| self.quoted_label.find(head.as_bytes()).is_some();
        let has_quotes = || family.samples.iter().any(|s| quotes(s.head)) || family.natives.iter().any(|n| quotes(n.head));
        if escaped || (self.escaping != Escaping::AllowUtf8 && has_quotes()) {
            let heads = escape::heads(&name, family, self.escaping);
            self.report.escape_collisions += heads.samples.iter().chain(&heads.natives).filter(|head| head.is_none()).count();
            let samples = family.samples.iter().zip(&heads.samples);
            let samples = samples.filter_map(|(s, head)| Some(SampleView { head: head.as_deref()?, ..*s })).collect();
            let natives = family.natives.iter().zip(&heads.natives);
            let natives = natives.filter_map(|(n, head)| Some(NativeView { head: head.as_deref()?, ..*n })).collect();
            self.legible(&FamilyView { name: &name, samples, natives, ..*family });
        } else {
            self.legible(family);
        }
    }

    /// Writes a family whose names the scraper can read.
    fn legible(&mut self, family: &FamilyView<'_>) {
        let (name, help, unit) = (family.name, family.help, family.unit);
        if matches!(self.format, Format::Protobuf(_)) {
            // Nothing is renamed here, so no name can be taken.
            let om = kinds::openmetrics(name, family.kind, |_| false);
            let unit = if kinds::has_unit(om, unit) { unit } else { "" };
            // Never negotiated without it.
            #[cfg(feature = "protobuf")]
            super::protobuf::push_family(self.out, family, unit, self.escaping);
            #[cfg(not(feature = "protobuf"))]
            let _ = unit;
        } else if self.format.is_openmetrics() {
            let om = kinds::openmetrics(name, family.kind, |stem| self.family_names.contains(stem));
            let unit = if kinds::has_unit(om, unit) { unit } else { "" };
            let section = Section { name: om.name, word: om.kind.as_openmetrics(), help, unit };
            let created = self.openmetrics_created && kinds::openmetrics_has_created(om.kind);
            match created {
                false => self.section(&section, &family.samples, om.kind, |role| role != Role::Created),
                true => self.section(&section, &with_their_child(&family.samples), om.kind, |_| true),
            }
        } else if family.kind == MetricType::GaugeHistogram {
            // The text formats have no such type: a histogram and two gauges, as Python's client prints it.
            let bucket = Role::Bucket(f64::INFINITY);
            for (suffix, kind, part) in [
                ("", MetricType::Histogram, bucket),
                ("_gcount", MetricType::Gauge, Role::Count),
                ("_gsum", MetricType::Gauge, Role::Sum),
            ] {
                let section = Section { name: &format!("{name}{suffix}"), word: kinds::text_word(kind), help, unit: "" };
                self.section(&section, &family.samples, kind, |role| discriminant(&role) == discriminant(&part));
            }
        } else {
            let section = Section { name, word: kinds::text_word(family.kind), help, unit: "" };
            self.section(&section, &family.samples, family.kind, |role| role != Role::Created);
        }
    }

    fn section(&mut self, section: &Section<'_>, samples: &[SampleView<'_>], kind: MetricType, shows: impl Fn(Role) -> bool) {
        let mut samples = samples.iter().filter(|sample| shows(sample.role)).peekable();
        if samples.peek().is_none() {
            return;
        }
        self.metadata(section);
        let exemplars = self.format.is_openmetrics();
        for sample in samples {
            self.out.extend_from_slice(sample.head.as_bytes());
            self.out.push(b' ');
            push_number(self.out, sample.value);
            if let Some(exemplar) = sample.exemplar
                && exemplars
                && kinds::openmetrics_has_exemplar(kind, sample.role)
            {
                push_exemplar(self.out, exemplar, self.escaping);
            }
            self.out.push(b'\n');
        }
    }

    /// HELP and TYPE in the order usual for text, TYPE, UNIT and HELP in that of OpenMetrics.
    fn metadata(&mut self, section: &Section<'_>) {
        let openmetrics = self.format.is_openmetrics();
        if !openmetrics {
            self.help(section, false);
        }
        self.metadata_line("# TYPE ", section.name);
        self.out.extend_from_slice(section.word.as_bytes());
        self.out.push(b'\n');
        if !section.unit.is_empty() {
            self.metadata_line("# UNIT ", section.name);
            self.out.extend_from_slice(section.unit.as_bytes());
            self.out.push(b'\n');
        }
        if openmetrics {
            self.help(section, true);
        }
    }

    fn help(&mut self, section: &Section<'_>, quotes: bool) {
        if !section.help.is_empty() {
            self.metadata_line("# HELP ", section.name);
            push_escaped(self.out, section.help, quotes);
            self.out.push(b'\n');
        }
    }

    /// The beginning of a metadata line up to the blank after the name.
    fn metadata_line(&mut self, keyword: &str, name: &str) {
        self.out.extend_from_slice(keyword.as_bytes());
        if is_legacy_metric_name(name) {
            self.out.extend_from_slice(name.as_bytes());
        } else {
            push_quoted(self.out, name);
        }
        self.out.push(b' ');
    }
}

/// The samples but for times of creation without a sample of their child before them: a child that is only native shows nothing here.
fn with_their_child<'a>(samples: &[SampleView<'a>]) -> Vec<SampleView<'a>> {
    let mut child = None;
    let mut shows = |sample: &SampleView<'a>| {
        let own = child_labels(sample.head, sample.role);
        if sample.role == Role::Created {
            return child.as_ref() == Some(&own);
        }
        child = Some(own);
        true
    };
    samples.iter().filter(|sample| shows(sample)).copied().collect()
}
