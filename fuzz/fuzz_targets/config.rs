//! The configuration file. What it was understood as, shown, must load again to the same.
#![no_main]
use onescrape::config::{Overrides, parse};

/// An environment with a variable of each sort: set, empty, unset.
fn env(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("127.0.0.1".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    match parse("fuzz.yml", file, &Overrides::default(), &env) {
        Err(mistakes) => drop(mistakes.to_string()),
        Ok(config) => {
            let shown = config.to_yaml();
            match parse("shown.yml", shown.as_bytes(), &Overrides::default(), &env) {
                Err(mistakes) => panic!("what is shown does not load: {mistakes}\n{shown}"),
                Ok(again) => assert_eq!(again.to_yaml(), shown),
            }
        }
    }
});
