//! The effective configuration as YAML that loads again to the same, but for masked secrets.

use super::choice::Choice;
use super::duration::show_duration;
use super::limits::LIMITS;
use super::shown::Shown;
use super::source_keys::show_keys;
use super::{Config, SourceConfig};

impl Config {
    /// The CRC-32 of what [`to_yaml`](Self::to_yaml) shows, in hexadecimal: short, and another one for another configuration, unless
    /// only a secret has changed.
    pub fn fingerprint(&self) -> String {
        format!("{:08x}", crc32fast::hash(self.to_yaml().as_bytes()))
    }

    /// The configuration as a file could have given it, defaults included, values of secret headers masked.
    pub fn to_yaml(&self) -> String {
        let word = |text: &str| Shown::Word(text.to_string());
        let texts = |list: &[String]| Shown::List(list.iter().map(|text| Shown::text(text)).collect());
        let limits = LIMITS.iter().map(|row| (row.key.name.to_string(), Shown::Word((row.show)(&self.limits)))).collect();
        let web = vec![
            ("listen_addresses".into(), texts(&self.web.listen_addresses)),
            (
                "config_file".into(),
                self.web.config_file.as_ref().map_or(Shown::Nothing, |path| Shown::text(&path.display().to_string())),
            ),
            ("telemetry_path".into(), Shown::text(&self.web.telemetry_path)),
            ("openmetrics_created".into(), word(self.web.openmetrics_created.word())),
            ("enable_lifecycle".into(), word(self.web.enable_lifecycle.word())),
        ];
        let file = self.state.file.as_ref().map(|file| ("file".to_string(), Shown::text(&file.to_string_lossy())));
        let state = file.into_iter().chain([
            ("save_interval".into(), Shown::Word(show_duration(self.state.save_interval))),
            ("cold_start".into(), word(self.state.cold_start.word())),
        ]);
        let log = vec![("level".into(), word(self.log.level.word())), ("format".into(), word(self.log.format.word()))];
        Shown::Map(vec![
            ("scrape_timeout".into(), Shown::Word(show_duration(self.scrape_timeout))),
            ("sources".into(), Shown::List(self.sources.iter().map(show_source).collect())),
            ("limits".into(), Shown::Map(limits)),
            ("web".into(), Shown::Map(web)),
            ("state".into(), Shown::Map(state.collect())),
            ("log".into(), Shown::Map(log)),
        ])
        .to_yaml()
    }
}

fn show_source(source: &SourceConfig) -> Shown {
    let targets = source.targets.iter().map(|target| Shown::text(&target.text)).collect();
    let mut entries = vec![
        ("name".to_string(), Shown::text(&source.name)),
        ("kind".to_string(), Shown::text(source.kind.name)),
        ("targets".to_string(), Shown::List(targets)),
    ];
    entries.extend(show_keys(source));
    Shown::Map(entries)
}
