//! The container image. It can't be built where the tests run; its recipe is linted, and what it runs is tried.

use crate::documents::{deploy, run, tool};
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::proxy::{Proxy, command, workers_flag};
use crate::support::repository;
use std::fs;
use std::process::Command;

fn recipe() -> String {
    fs::read_to_string(deploy("docker/Dockerfile")).unwrap()
}

fn lint(recipe: &str) -> Result<String, String> {
    run(Command::new(tool("hadolint")).args(["--no-color", "-"]), recipe)
}

#[test]
fn the_recipe_is_clean() {
    lint(&recipe()).unwrap();
    lint(&recipe().replace("USER 65532:65532", "RUN cd /tmp")).expect_err("a mistake is found");
}

/// The line that builds it is the one of `make static`, flags included.
#[test]
fn it_is_built_as_make_static_builds_it() {
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    let (_, target) = makefile.split_once("\nstatic:\n\t").expect("make static");
    let line = target.lines().next().unwrap().replace("$$", "$");
    let flag = makefile.lines().find_map(|line| line.strip_prefix("static: export RUSTFLAGS = ")).expect("its flags");
    let recipe = recipe();
    assert!(recipe.contains(&format!("\nRUN {line}\n")), "not {line}");
    assert!(recipe.contains(&format!("\nENV RUSTFLAGS=\"{flag}\"\n")), "not {flag}");
}

/// All that is copied is let through, and what the build reads beside the sources is copied.
#[test]
fn it_gets_what_it_needs() {
    let recipe = recipe();
    let ignored = fs::read_to_string(deploy("docker/Dockerfile.dockerignore")).unwrap();
    let let_through: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let copied: Vec<_> =
        recipe.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--")).collect();
    let mut names: Vec<_> = copied.iter().flat_map(|line| line.split(' ')).filter(|name| !name.starts_with("./")).collect();
    names.sort_unstable();
    let mut expected = let_through.clone();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        run(Command::new("cp").arg("-r").arg(repository().join(name)).arg(dir.path()), "").unwrap();
    }
    // The manifest makes sense to cargo with what is copied, and the lock file fits it.
    let metadata = ["metadata", "--locked", "--offline", "--no-deps", "--format-version=1"];
    run(Command::new(env!("CARGO")).args(metadata).current_dir(dir.path()), "").unwrap();
    let rust = format!("FROM rust:{}-slim", env!("CARGO_PKG_RUST_VERSION"));
    assert!(recipe.contains(&rust), "not the oldest compiler that is promised to do: {rust}");
}

/// A worker that is gone is no reason to restart the sidecar; a sidecar that is gone is.
#[test]
fn its_health_check_asks_onescrape_only() {
    assert!(recipe().contains(r#"CMD ["/usr/local/bin/onescrape", "healthcheck"]"#));
    let mut worker = FakeWorker::answering(Answer::text("# TYPE c_total counter\nc_total 1\n"));
    let mut proxy = Proxy::start(&workers_flag(&[&worker]));
    let listens = proxy.address().to_string();
    let healthy = || command().args(["healthcheck", "--web.listen-address", &listens]).output().unwrap().status.success();
    worker.down();
    proxy.wait_scrape("the worker to be missed", |answer| {
        crate::support::expect(answer.sum("onescrape_source_up") == 0.0, || "its source is up".into())
    });
    assert!(healthy());
    proxy.stop();
    assert!(!healthy());
}
