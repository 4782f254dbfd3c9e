.PHONY: check test lint
test:
	cargo test
