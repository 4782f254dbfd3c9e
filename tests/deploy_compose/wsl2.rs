//! The variant of WSL 2 for CI, and its smoke test: it passes where all is well, and not where something isn't.

use crate::address::Addresses;
use crate::model::deploy;
use crate::native::Native;
use crate::support::port::Port;
use crate::support::process::Process;
use crate::{executable, wait_ok};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands for `docker compose exec -T prometheus COMMAND …`: the command runs here.
const COMPOSE: &str = "#!/bin/sh\nshift 3\nexec \"$@\"\n";
/// Stands for the container's wget, which is called as `wget -q -O - URL`.
const WGET: &str = "#!/bin/sh\nexec curl --silent --fail \"$4\"\n";

struct Smoke {
    dir: PathBuf,
    script: PathBuf,
    target: String,
}

impl Smoke {
    fn run(&self, check: &str, target: &str) -> (Option<i32>, String) {
        let mut command = Command::new(&self.script);
        let path = format!("{}:{}", self.dir.join("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("CHECK", check).env("COMPOSE", self.dir.join("compose")).env("TARGET", target);
        let mut script = Process::spawn("smoke.sh", command, &self.dir);
        (script.wait().code(), script.log())
    }
}

#[test]
fn ci_variant_and_its_smoke_test() {
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::hold(&[
        (&["app"], &[8000..=8000, 5001..=5008]),
        (&["onescrape", "shop"], &[11011..=11011]),
        (&["check"], &[11011..=11011]),
        (&["prometheus"], &[9090..=9090]),
    ]);
    let stack = Native::new("wsl2/compose.ci.yaml", addresses, dir.path());
    stack.run("migrate");
    let _services = ["app", "onescrape", "prometheus"].map(|service| stack.start(service));
    let prometheus = stack.addresses.of("prometheus", 9090);
    // Waits for the workers by itself.
    stack.run("check");
    wait_ok("Prometheus", prometheus, "/-/ready");

    let smoke = smoke(&stack, dir.path());
    let (code, said) = smoke.run("true", &smoke.target);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = smoke.run("false", &smoke.target);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("see above"), "{said}");
    let nobody = Port::reserve();
    let (code, said) = smoke.run("true", &format!("http://{}", nobody.address()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("does not reach"), "{said}");
}

fn smoke(stack: &Native, dir: &Path) -> Smoke {
    let text = std::fs::read_to_string(deploy("wsl2/smoke.sh")).unwrap();
    let script = dir.join("smoke.sh");
    executable(&script, &stack.addresses.translate("prometheus", &text));
    executable(&dir.join("compose"), COMPOSE);
    std::fs::create_dir(dir.join("bin")).unwrap();
    executable(&dir.join("bin/wget"), WGET);
    Smoke { dir: dir.to_path_buf(), script, target: format!("http://{}", stack.addresses.of("shop", 11011)) }
}

/// The same check says what is wrong where nothing runs.
#[test]
fn check_of_the_ci_variant_fails_without_the_application() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [5001..=5008];
    let addresses = Addresses::hold(&[(&["app"], &ports), (&["check"], &[11011..=11011])]);
    let stack = Native::new("wsl2/compose.ci.yaml", addresses, dir.path());
    let mut check = stack.start_changed("check", "--wait=60s", "--wait=1s");
    assert_eq!(check.wait().code(), Some(1), "{}", check.log());
}
