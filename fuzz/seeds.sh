#!/usr/bin/env bash
# Copies the tests' inputs to corpus/TARGET, where fuzzing starts from them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

tests=../tests
between='\377' # stands between the bodies of one input
now=1790000000 # what @NOW@ stands for in the vectors

# seed TARGET FILE…: each file is an input; its path is its name, so that none hides another.
seed() {
  local target=$1 file name
  shift
  mkdir -p "corpus/$target"
  for file in "$@"; do
    name=${file#../}
    cp "$file" "corpus/$target/seed-${name//\//-}"
  done
}

# seed_rounds TARGET NAME FILE…: one input out of several bodies. Directives instead of a body become an empty one: no answer.
seed_rounds() {
  local target=$1 name=$2 file
  shift 2
  mkdir -p "corpus/$target"
  for file in "$@"; do
    sed -E '/^(DOWN|HANG|STATUS [0-9]+)$/d; s/@NOW([-+][0-9]+)?@/'"$now"'/g' "$file"
    printf '%b' "$between"
  done >"corpus/$target/seed-$name"
}

# seed_directory NAME HOW…: one input, a round of a directory per HOW, the byte (in octal) that says what becomes of its files.
seed_directory() {
  local name=$1 how kind
  shift
  mkdir -p corpus/multiproc
  for how in "$@"; do
    for kind in counter histogram summary gauge_{all,min,livesum,mostrecent} counter; do
      printf "\\$how"
      cat "$tests/fixtures/multiproc/$kind.db"
      printf '\n--\n'
    done
  done >"corpus/multiproc/seed-$name"
}

shopt -s nullglob globstar
seed text "$tests"/conformance/text/{good,bad}/*.txt "$tests"/fixtures/**/*.prom
seed openmetrics "$tests"/conformance/openmetrics/{good,bad}/*.txt "$tests"/fixtures/**/*.om
seed protobuf "$tests"/fixtures/**/*.pb
seed config "$tests"/config/*.yml ../config/*.yml
seed nginx "$tests"/fixtures/nginx/stub_status*.txt
seed_rounds nginx two-rounds "$tests"/fixtures/nginx/stub_status-{under-load,after-load,idle,under-load}.txt
seed nginx_vts "$tests"/fixtures/nginx-vts/*.json
seed_rounds nginx_vts two-rounds "$tests"/fixtures/nginx-vts/{fresh,idle}.json "$tests"/fixtures/nginx-vts/v0.2.7-after-reset.json
seed multiproc "$tests"/fixtures/multiproc/*.db
seed_directory lives 000 000 001 001
seed_directory removed 000 200 200 004
seed uwsgi "$tests"/fixtures/uwsgi/*.json
seed_rounds uwsgi two-rounds "$tests"/fixtures/uwsgi/{after-load,after-respawn}.json
seed state "$tests"/fixtures/state/*.state
mkdir -p corpus/unpack
gzip -9c "$tests"/fixtures/nginx/stub_status-idle.txt >corpus/unpack/seed-idle.gz
cat corpus/unpack/seed-idle.gz corpus/unpack/seed-idle.gz >corpus/unpack/seed-two-members.gz
# A zstd frame: magic, no checksum, 1 byte of content size, a last raw block of 2 bytes.
printf '\x28\xb5\x2f\xfd\x20\x02\x11\x00\x00a\n' >corpus/unpack/seed-raw.zst
for case in "$tests"/conformance/merge/*/; do
  seed_rounds merge "$(basename "$case")" "$case"/input-[12].txt "$case"/steps/*/worker-[12].txt
done
seed_rounds merge django "$tests"/fixtures/django-workers/*/worker[12].prom
