//! YAML documents as Kubernetes takes them, the programs that make and check them, and what they are expected to make.

use crate::support::{installed, repository};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set to write the expected texts anew, to be read before they are committed.
const REWRITE: &str = "REWRITE_EXPECTED";

/// What `tests/stack/install.sh` has laid beside the virtual environment.
pub fn tool(name: &str) -> PathBuf {
    let venv_program = installed("python");
    let stack = venv_program.ancestors().nth(3).expect("STACK/venv/bin/python");
    let path = stack.join("kubernetes").join(name);
    assert!(path.exists(), "{} is missing: run tests/stack/install.sh first (make test does)", path.display());
    path
}

/// A file or folder under `deploy/`.
pub fn deploy(path: &str) -> PathBuf {
    repository().join("deploy").join(path)
}

/// Runs a program on some input: what it prints, or what it complains of.
pub fn run(command: &mut Command, input: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    // Programs that fail early don't read all of it.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("cannot wait for a child");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stdout) + &text(&output.stderr)) }
}

/// The documents of a text, or what their schemas say against them.
pub fn read(yaml: &str) -> Result<Vec<Value>, String> {
    let mut command = Command::new(installed("python"));
    command.arg(repository().join("tests/deploy_kubernetes/documents.py")).arg(tool("schemas.zip"));
    let json = run(&mut command, yaml)?;
    Ok(serde_json::from_str(&json).expect("documents.py prints JSON"))
}

/// The documents of a file under `deploy/`, which must be valid.
pub fn read_file(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(deploy(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    read(&text).unwrap_or_else(|mistakes| panic!("{path}: {mistakes}"))
}

/// Those of a kind.
pub fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

/// The items of a list, none if there is no list.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether labels have all that a selector's `matchLabels` asks for.
pub fn selects(match_labels: &Value, labels: &Value) -> bool {
    let wanted = match_labels.as_object().expect("labels to match");
    !wanted.is_empty() && wanted.iter().all(|(key, value)| labels[key] == *value)
}

/// Holds a rendering against the one that was read and committed.
pub fn assert_golden(name: &str, rendered: &str) {
    let path = repository().join("tests/golden/deploy").join(name);
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&path, rendered).expect("cannot write the expected text");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(rendered == expected, "{name} is rendered otherwise now; {REWRITE}=1 writes it, git diff shows it:\n{rendered}");
}
