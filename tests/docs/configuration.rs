//! docs/configuration.md, made of the keys' own rows.

use crate::assert_generated;
use onescrape::config::{Form, Key, root_keys};
use onescrape::source::KINDS;
use std::fmt::Write;

const PAGE: &str = "docs/configuration.md";

const BEGINNING: &str = "\
# Configuration file

`onescrape --config.file onescrape.yml`. Flags and variables go before the file; sources of both are added up. For most pods
[flags](flags.md) are enough. [config/onescrape.yml](../config/onescrape.yml) is an example with every key.

This page is made from the program's own table of keys. The same table gives a JSON Schema, with which editors complete and check:

```sh
onescrape config schema > onescrape.schema.json
onescrape config check --config.file onescrape.yml    # every mistake at once, with its line
onescrape config show --config.file onescrape.yml     # what is in force, defaults and flags included, secrets masked
```

Editors with YAML's language server take the schema from the first line of the file:
`# yaml-language-server: $schema=onescrape.schema.json`.

- Unknown keys are mistakes. A key without a value is one that is not given.
- `${VAR}` and `${VAR:-default}` in values are replaced from the environment; `$${` stands for a plain `${`. Not in
  `metric_relabel_configs`, where `$` is Prometheus' own.
- Durations are whole numbers with units: `500ms`, `5s`, `1h30m`, `7d`. Sizes are bytes, or `64kB`, `64KiB`, `64MiB`, `1GiB`.
- Relative paths of certificates, passwords, tokens, the web configuration and files of targets begin where the file is.
- A change of the file is taken up while the program runs: [operations.md](operations.md).
";

#[test]
fn the_reference_is_the_table_of_keys() {
    let mut page = BEGINNING.to_string();
    push_section("The whole", &root_keys(), &mut page);
    push_below(&root_keys(), &mut page);
    assert_generated(PAGE, &page);
}

/// A section for each mapping, below the one that it stands in.
fn push_below(keys: &[&Key], page: &mut String) {
    for key in keys.iter().filter(|key| !key.form.keys().is_empty()) {
        push_section(&format!("`{}`", key.name), &key.form.keys(), page);
        push_below(&key.form.keys(), page);
    }
}

fn push_section(title: &str, keys: &[&Key], page: &mut String) {
    let of_kinds = keys.iter().any(|key| !key.kinds.is_empty());
    let (kinds, rule) = if of_kinds { (" kinds |", "---|") } else { ("", "") };
    writeln!(page, "\n## {title}\n").unwrap();
    if of_kinds {
        writeln!(page, "A list of sources. What a kind reads, and what its targets look like:\n").unwrap();
        for kind in KINDS {
            let file = kind.name.replace('_', "-");
            writeln!(page, "- [`{}`]({file}.md): {}", kind.name, kind.about).unwrap();
        }
        writeln!(page).unwrap();
    }
    writeln!(page, "| key | takes | default |{kinds} what for |\n|---|---|---|{rule}---|").unwrap();
    for key in keys {
        let kinds = match (of_kinds, key.kinds) {
            (false, _) => String::new(),
            (true, []) => " all |".into(),
            (true, some) => format!(" {} |", some.join(", ")),
        };
        let default = match (key.needed, key.default) {
            (true, _) => "needed".into(),
            (false, "") => String::new(),
            (false, default) => format!("`{default}`"),
        };
        writeln!(page, "| `{}` | {} | {default} |{kinds} {} |", key.name, takes(key), key.about.replace('|', "\\|")).unwrap();
    }
}

fn takes(key: &Key) -> String {
    match &key.form {
        Form::Map(_) => format!("[keys](#{})", key.name),
        Form::List(Form::Map(_)) => format!("list of [keys](#{})", key.name),
        form => described(form),
    }
}

fn described(form: &Form) -> String {
    let count = |allowed: &std::ops::RangeInclusive<usize>| match *allowed.end() {
        usize::MAX => format!("number from {}", allowed.start()),
        end => format!("number from {} to {end}", allowed.start()),
    };
    match form {
        Form::Flag => "`true`, `false`".into(),
        Form::Text | Form::Verbatim => "text".into(),
        Form::Count(allowed) => count(allowed),
        Form::CountOr(allowed, word) => format!("{}, `{word}`", count(allowed)),
        Form::Number => "number above 0".into(),
        Form::Duration => "duration".into(),
        Form::Size => "size".into(),
        Form::Words(words) => words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Form::Ports => "port or range".into(),
        Form::List(item) => format!("list of: {}", described(item)),
        Form::Texts => "names with texts".into(),
        Form::Map(_) => "keys".into(),
    }
}
