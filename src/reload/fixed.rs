//! What only a restart changes: sockets are bound, the state file is locked, the log is set up once.

use crate::config::Config;

/// A setting: its name, whether two configurations differ in it, and how one takes it from the other.
struct Fixed {
    name: &'static str,
    differs: fn(&Config, &Config) -> bool,
    copy: fn(&Config, &mut Config),
}

/// All of them.
const FIXED: &[Fixed] = &[
    Fixed {
        name: "web.listen_addresses",
        differs: |a, b| a.web.listen_addresses != b.web.listen_addresses,
        copy: |from, to| to.web.listen_addresses.clone_from(&from.web.listen_addresses),
    },
    Fixed {
        name: "state.file",
        differs: |a, b| a.state.file != b.state.file,
        copy: |from, to| to.state.file.clone_from(&from.state.file),
    },
    Fixed { name: "log.level", differs: |a, b| a.log.level != b.log.level, copy: |from, to| to.log.level = from.log.level },
    Fixed { name: "log.format", differs: |a, b| a.log.format != b.log.format, copy: |from, to| to.log.format = from.log.format },
];

/// Keeps in `new` what is in force and can't change; returns the names of what is otherwise there.
pub(super) fn keep(in_force: &Config, new: &mut Config) -> Vec<&'static str> {
    let differing: Vec<&Fixed> = FIXED.iter().filter(|setting| (setting.differs)(in_force, new)).collect();
    differing.iter().for_each(|setting| (setting.copy)(in_force, new));
    differing.iter().map(|setting| setting.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogLevel;
    use crate::testing;

    #[test]
    fn what_cannot_change_is_named_and_stays() {
        let old = testing::config(Vec::new());
        let mut new = old.clone();
        new.web.listen_addresses.push("127.0.0.1:1".into());
        new.state.file = Some("/x".into());
        new.log.level = LogLevel::Debug;
        new.web.telemetry_path = "/other".into();
        assert_eq!(keep(&old, &mut new), ["web.listen_addresses", "state.file", "log.level"]);
        new.web.telemetry_path.clone_from(&old.web.telemetry_path);
        assert_eq!(new, old);
    }
}
