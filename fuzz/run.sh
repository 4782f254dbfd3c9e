#!/usr/bin/env bash
# Fuzzes every target for FUZZ_SECONDS each (default 60), starting from the tests' own inputs, with FUZZ_SEED (default 0: another one
# each time). Ends with an error at the first crash;
# the input that caused it is then in fuzz/artifacts/. What was found stays in fuzz/corpus/ and is the start of the next run.
#
# Plain cargo with the flags that `cargo fuzz --sanitizer none` passes: works on a stable compiler, and nothing has to be installed.
# `cargo fuzz` works here, too (`cargo fuzz tmin`, `cargo fuzz coverage`, …).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${FUZZ_SECONDS:-60}
seed=${FUZZ_SEED:-0}
input_timeout=20 # seconds for one input; a good one takes milliseconds
memory_mb=2048   # for the whole process, corpus included
input_max=65536  # bytes; the largest seed has 56 KB

# LLVM's coverage counters and comparisons, which libFuzzer steers by. Given with --target, flags leave build scripts alone.
flags=(
  --cfg fuzzing
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
)
host=$(rustc --print host-tuple)
# Not --locked: the lock file of this workspace follows the main one's.
RUSTFLAGS="${flags[*]}" cargo build --release --bins --target "$host" --target-dir target

./seeds.sh
for file in fuzz_targets/*.rs; do
  target=$(basename "$file" .rs)
  mkdir -p "artifacts/$target"
  log=artifacts/$target/log
  echo "fuzzing $target for $seconds s"
  if ! "target/$host/release/$target" -max_total_time="$seconds" -seed="$seed" -timeout="$input_timeout" -rss_limit_mb="$memory_mb" \
    -max_len="$input_max" -artifact_prefix="artifacts/$target/" "corpus/$target" 2>"$log"; then
    tail -n 60 "$log" >&2
    echo "fuzzing $target failed; all it said: fuzz/$log" >&2
    exit 1
  fi
  tail -n 1 "$log"
done
