//! One source, checked: what is told, as text and as JSON, and what becomes of it once something is pasted.

use crate::mask::masked;
use crate::support::proxy::command;
use crate::support::{expect, repository, wait_for};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;
use tempfile::TempDir;

/// Set to write the expected texts anew, to be read before they are committed.
const REWRITE: &str = "REWRITE_EXPECTED";
/// Where they are.
pub const GOLDEN: &str = "tests/golden/check";
/// Keys of a source whose value replaces what stands there.
type Keys = Vec<(String, String)>;

/// A configuration of one source, and the environment of the check.
pub struct Case {
    dir: TempDir,
    file: Keys,
    source: Keys,
    others: String,
    env: Vec<(String, String)>,
}

impl Case {
    /// A source of this kind with these targets, checked as in a pod: tests run in containers, too, but what they start is there.
    pub fn new(kind: &str, targets: &str) -> Self {
        let mut case = Self {
            dir: tempfile::tempdir().unwrap(),
            file: Vec::new(),
            source: Vec::new(),
            others: String::new(),
            env: Vec::new(),
        };
        for (key, value) in [("name", kind), ("kind", kind), ("targets", &*format!("[\"{targets}\"]"))] {
            case = case.with(key, value);
        }
        // Without it, every check of workers notes its lack.
        case.set(true, "state", "{cold_start: zero}");
        case.env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    }

    /// The same with this key of the source.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(false, key, value);
        self
    }

    /// The same with this key at the top level.
    pub fn with_top(mut self, key: &str, value: &str) -> Self {
        self.set(true, key, value);
        self
    }

    /// The same without it.
    pub fn without_top(mut self, key: &str) -> Self {
        self.file.retain(|(known, _)| known != key);
        self
    }

    /// The same with another source, as YAML.
    pub fn beside(mut self, source: &str) -> Self {
        self.others = format!("  - {source}\n");
        self
    }

    /// The same with a variable in the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same, checked outside a pod.
    pub fn outside(mut self) -> Self {
        self.env.clear();
        self
    }

    fn set(&mut self, top: bool, key: &str, value: &str) {
        let keys = if top { &mut self.file } else { &mut self.source };
        match keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value.into(),
            None => keys.push((key.into(), value.into())),
        }
    }

    /// A place for files.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    fn yaml(&self) -> String {
        let top: String = self.file.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let source: String = self
            .source
            .iter()
            .enumerate()
            .map(|(i, (key, value))| format!("  {} {key}: {}\n", if i == 0 { "-" } else { " " }, value.replace('\n', "\n    ")))
            .collect();
        format!("{top}sources:\n{source}{}", self.others)
    }

    /// Runs the check.
    pub fn run(&self, flags: &[&str]) -> Output {
        let file: PathBuf = self.dir.path().join("onescrape.yml");
        std::fs::write(&file, self.yaml()).unwrap();
        let envs = self.env.iter().map(|(name, value)| (name, value));
        let mut command = command();
        command.envs(envs).arg("check").args(flags).arg(format!("--config.file={}", file.display()));
        let output = command.output().unwrap();
        assert_ne!(output.status.code(), Some(2), "{}\n{}", self.yaml(), String::from_utf8_lossy(&output.stderr));
        output
    }

    /// The findings as JSON.
    pub fn findings(&self) -> Vec<Value> {
        let output = self.run(&["--json"]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["ok"], output.status.success());
        json["findings"].as_array().unwrap().clone()
    }

    fn find(&self, code: &str) -> Result<Value, String> {
        let findings = self.findings();
        let found = findings.iter().find(|finding| finding["code"] == code).cloned();
        found.ok_or_else(|| format!("no {code} in {findings:#?}"))
    }

    /// The finding is there, and everything is told as the golden text of that name has it. Waits for it: servers take their time.
    pub fn finds(&self, code: &str) -> Finding {
        self.finds_among(code, "")
    }

    /// The same; numbers that are listed after these words are chance.
    pub fn finds_among(&self, code: &str, chance: &str) -> Finding {
        // Two runs: what is chance may show in one alone.
        let (json, told) = wait_for(&format!("the finding {code}"), || {
            let json = self.find(code)?;
            let output = self.run(&[]);
            let is_told = !output.status.success() || json["severity"] == "note";
            let told = masked(&String::from_utf8(output.stdout).unwrap(), self.dir.path(), chance);
            expect(is_told, || format!("{code} is no note, but all is well:\n{told}"))?;
            Ok((json, told))
        });
        let golden = repository().join(GOLDEN).join(format!("{code}.txt"));
        if std::env::var_os(REWRITE).is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(told, wanted, "{code}; {REWRITE}=1 writes what is told now");
        Finding { code: code.into(), json }
    }

    /// It isn't there.
    pub fn clears(&self, code: &str) {
        wait_for(&format!("{code} to be cleared"), || {
            let findings = self.findings();
            expect(findings.iter().all(|finding| finding["code"] != code), || format!("{findings:#?}\n{}", self.yaml()))
        });
    }

    /// The finding is there, and gone once its lines for the configuration are pasted.
    pub fn finds_and_clears(mut self, code: &str) -> Self {
        let finding = self.finds(code);
        finding.paste_into(&mut self);
        self.clears(code);
        self
    }
}

/// What was found.
pub struct Finding {
    code: String,
    json: Value,
}

impl Finding {
    /// What it says to paste at this place.
    pub fn paste(&self, place: &str) -> String {
        let pastes = self.json["paste"].as_array().unwrap();
        let paste = pastes.iter().find(|paste| paste["place"] == place);
        paste.unwrap_or_else(|| panic!("{} says nothing to paste at {place}: {pastes:?}", self.code))["text"]
            .as_str()
            .unwrap()
            .into()
    }

    /// Pastes what belongs into the configuration.
    pub fn paste_into(&self, case: &mut Case) {
        let pastes = self.json["paste"].as_array().unwrap().iter().filter(|p| p["place"] == "source" || p["place"] == "file");
        let mut pasted = 0;
        for paste in pastes {
            let (key, value) = paste["text"].as_str().unwrap().split_once(':').unwrap();
            case.set(paste["place"] == "file", key, value.trim_start_matches(' '));
            pasted += 1;
        }
        assert!(pasted > 0, "{} has nothing for the configuration: {}", self.code, self.json);
    }
}
