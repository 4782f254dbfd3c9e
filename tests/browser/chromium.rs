//! One Chromium, and what a test asks of it. What it can't do in time is a failure that says why.

use crate::support::proxy::Proxy;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Debian's.
const CHROMIUM: &str = "/usr/bin/chromium";

/// How a window looks.
#[derive(Clone, Copy)]
pub struct Look {
    pub scripts: bool,
    pub dark: bool,
    /// Pixels.
    pub width: u32,
}

impl Default for Look {
    fn default() -> Self {
        Self { scripts: true, dark: false, width: 1200 }
    }
}

pub struct Browser {
    driver: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stack = std::env::var_os("ONESCRAPE_STACK").map_or_else(|| root.join(".stack"), PathBuf::from);
        let modules = stack.join("browser");
        assert!(modules.join("node_modules").is_dir(), "{} is missing: run tests/stack/install.sh", modules.display());
        let mut driver = Command::new("node")
            .arg(root.join("tests/browser/driver.mjs"))
            .args([modules.as_os_str(), CHROMIUM.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start node");
        let (orders, answers) = (driver.stdin.take(), driver.stdout.take().expect("its output"));
        Self { driver, orders, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, order: &str, argument: Value) -> Value {
        let orders = self.orders.as_mut().expect("it is open");
        writeln!(orders, "{}", json!([order, argument])).expect("the driver has ended");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the driver has ended");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{order}: no answer of the driver: {line:?}"));
        assert!(answer.get("error").is_none(), "{order} {argument}: {}\n{}", answer["error"], self.seen(order));
        answer["ok"].clone()
    }

    /// What stands on the page, where an order failed.
    fn seen(&mut self, order: &str) -> String {
        if order == "text" { String::new() } else { self.text() }
    }

    fn list(&mut self, order: &str) -> Vec<String> {
        serde_json::from_value(self.ask(order, Value::Null)).expect("a list of texts")
    }

    fn string(&mut self, order: &str) -> String {
        self.ask(order, Value::Null).as_str().unwrap_or_default().to_string()
    }

    /// Opens a page in a new window; its status.
    pub fn open(&mut self, proxy: &Proxy, path: &str, look: Look) -> u64 {
        let url = format!("http://{}{path}", proxy.address());
        let Look { scripts, dark, width } = look;
        self.ask("open", json!({"url": url, "scripts": scripts, "dark": dark, "width": width})).as_u64().unwrap_or_default()
    }

    /// What went wrong in the page since it was opened: errors, dialogs, requests to elsewhere.
    pub fn errors(&mut self) -> Vec<String> {
        self.list("errors")
    }

    pub fn text(&mut self) -> String {
        self.string("text")
    }

    /// Waits until the page says so.
    pub fn see(&mut self, text: &str) {
        self.ask("see", json!(text));
    }

    pub fn search(&mut self, words: &str) {
        self.ask("search", json!(words));
    }

    pub fn follow(&mut self, link: &str) {
        self.ask("follow", json!(link));
    }

    pub fn heading(&mut self) -> String {
        self.string("heading")
    }

    pub fn count(&mut self, selector: &str) -> u64 {
        self.ask("count", json!(selector)).as_u64().unwrap_or_default()
    }

    /// Waits until the page was fetched again so many times.
    pub fn refreshed(&mut self, times: u32) {
        self.ask("refreshed", json!(times));
    }

    pub fn background(&mut self) -> String {
        self.string("background")
    }

    /// By how many pixels the page is wider than its window.
    pub fn excess(&mut self) -> i64 {
        self.ask("excess", Value::Null).as_i64().unwrap_or_default()
    }

    /// What axe finds against the page.
    pub fn violations(&mut self) -> Vec<String> {
        self.list("violations")
    }

    /// What has the focus after so many presses of the tabulator.
    pub fn tab(&mut self, times: u32) -> String {
        self.ask("tab", json!(times)).as_str().unwrap_or_default().to_string()
    }

    pub fn shoot(&mut self, name: &str) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in target").join("screenshots");
        std::fs::create_dir_all(&directory).expect("cannot make the directory of screenshots");
        self.ask("shoot", json!(directory.join(format!("{name}.png"))));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Told that nothing more comes, it closes the browser and ends.
        self.orders.take();
        self.driver.wait().ok();
    }
}
