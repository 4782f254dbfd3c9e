# make test   what must pass: installs what the tests run against (tests/stack/install.sh), runs every test, fuzzes for a moment
# make check  formatting, lints, documentation: no warning is left standing
# make audit  published vulnerabilities of what is built in, looked up in RustSec's list (needs cargo-audit, and GitHub, where the list is);
#             licences, sources and versions are held by a test: tests/dependencies.rs
# make book   the documentation as a site, in target/book (needs mdbook: cargo install mdbook)
# make bench  one table of what the program costs, beside other ways to do the same
# make properties   the laws of the merge and the formats with other random lives each time: PROPERTY_SCALE times as many (default 30)
# make soak   a pod under load for minutes, and the program killed a thousand times over: SOAK_SECONDS (default 300), KILLS, KILL_SECONDS
# make static the program as the container image has it, linked statically: target/x86_64-unknown-linux-gnu/release/onescrape
# make layout which functions lie together in the program file, found out anew by running it: src/link/used.ld
# make fuzz   longer fuzzing of the parsers, the merge and the state file: FUZZ_SECONDS a target (default 60)

.PHONY: test check lint doc audit book install bench properties soak static layout fuzz fuzz-short

# Where the servers of the tests live; the tests look there too.
export ONESCRAPE_STACK ?= $(CURDIR)/.stack

# A fixed seed: what passes here passes everywhere. `make properties` and `make fuzz` look further.
test: export PROPTEST_RNG_SEED ?= 20260101
test: install
	cargo test --locked
	$(MAKE) fuzz-short

install:
	tests/stack/install.sh

check: lint doc
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml

lint:
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

audit:
	cargo audit --deny warnings

book:
	mdbook build docs

bench: export ONESCRAPE_SMALLEST ?= $(CURDIR)/target/small/onescrape
bench: export ONESCRAPE_STATIC ?= $(CURDIR)/target/$(shell rustc --print host-tuple)/release/onescrape
bench:
	@$(MAKE) --no-print-directory static
	@cargo build --locked --quiet --profile small --no-default-features --bin onescrape
	@cargo bench --locked --no-run
	@cargo bench --locked --quiet --bench state
	@cargo bench --locked --quiet --bench table

properties: export PROPERTY_SCALE ?= 30
properties:
	cargo test --locked --test properties_merge --test properties_stream --test properties_formats

# Each says how often and how long in one line.
soak: export SOAK_SECONDS ?= 300
soak: export KILLS ?= 3000
soak: export KILL_SECONDS ?= 300
soak:
	cargo test --locked --test soak --test state_kill -- --nocapture

# The same line as in deploy/docker/Dockerfile, which a test sees to.
static: export RUSTFLAGS = -C target-feature=+crt-static -C symbol-mangling-version=v0 -C link-arg=-Wl,-z,pack-relative-relocs
static:
	cargo build --release --locked --bin onescrape --target "$$(rustc --print host-tuple)"

layout: export CARGO_PROFILE_RELEASE_STRIP = none
layout: static
	cargo build --release --locked --bin onescrape
	python3 src/link/used.py "target/$$(rustc --print host-tuple)/release/onescrape" target/release/onescrape > target/used.ld
	mv target/used.ld src/link/used.ld

fuzz:
	fuzz/run.sh

# Long enough to run every seed of the tests' own inputs and some thousand mutations of each.
fuzz-short:
	FUZZ_SECONDS=5 FUZZ_SEED=1 fuzz/run.sh
