# make test   what must pass: installs what the tests run against (tests/stack/install.sh), then runs every test
# make check  formatting, lints, documentation: no warning is left standing
# make bench  one table of what the program costs, beside other ways to do the same
# make fuzz   longer fuzzing of the parsers

.PHONY: test check lint doc install bench fuzz

# Where the servers of the tests live; the tests look there too.
export ONESCRAPE_STACK ?= $(CURDIR)/.stack

test: install
	cargo test --locked

install:
	tests/stack/install.sh

check: lint doc
	cargo fmt --check

lint:
	cargo clippy --locked --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

bench:
	@cargo bench --locked --no-run
	@cargo bench --locked --quiet --bench state
	@cargo bench --locked --quiet --bench table

fuzz:
	@test -d fuzz || { echo "no fuzz targets here yet"; exit 1; }
	cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz list
