//! Lays the program out for the linker: what ordinary runs need lies together (`used.ld`), so that a process maps 2 MB of code and not
//! 6: the kernel brings in 64 KiB around every page that is touched, and the functions of one run would touch nearly all of it.
//!
//! Only for released programs on Linux. The patterns are symbols as `.cargo/config.toml` has them mangled; where they don't fit, as under
//! other flags, the program is laid out as usual, and nothing else is different. `ONESCRAPE_LAYOUT=none` turns it off.

use std::env;
use std::path::Path;

const SCRIPT: &str = "src/link/used.ld";
const SWITCH: &str = "ONESCRAPE_LAYOUT";
/// Linkers that don't know such scripts, as they are named in flags.
const WITHOUT_SCRIPTS: [&str; 3] = ["mold", "wild", "gold"];

fn main() {
    println!("cargo::rerun-if-changed={SCRIPT}");
    println!("cargo::rerun-if-env-changed={SWITCH}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|v| v == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default() + &env::var("RUSTC_LINKER").unwrap_or_default();
    let understood = !WITHOUT_SCRIPTS.iter().any(|linker| flags.contains(linker));
    if is("CARGO_CFG_TARGET_OS", "linux") && !is("OPT_LEVEL", "0") && !is(SWITCH, "none") && understood {
        let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        // Two arguments: a path may hold commas, at which one for the linker would be cut.
        println!("cargo::rustc-link-arg-bin=onescrape=-T");
        println!("cargo::rustc-link-arg-bin=onescrape={}", Path::new(&root).join(SCRIPT).display());
    }
}
