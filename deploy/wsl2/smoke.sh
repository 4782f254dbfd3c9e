#!/usr/bin/env bash
# Is all well, from the sources up to Prometheus? Says what is not and exits non-zero. Run it where onescrape runs; arguments go to
# `onescrape check`: ./smoke.sh --workers 127.0.0.1:5001-5008 --expect 4
#   CHECK     the command of the first step
#   COMPOSE   the command that reaches the Prometheus container
#   TARGET    onescrape, as that container sees it
set -euo pipefail
cd "$(dirname "$0")"
check=${CHECK:-onescrape check --wait 60s}
compose=${COMPOSE:-docker compose}
target=${TARGET:-http://host.docker.internal:11011}
patience=${PATIENCE:-60} # seconds that Prometheus may take to have scraped

step() { printf -- '-- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}
inside() { $compose exec -T prometheus "$@"; }

step "sources, as onescrape reads them"
$check "$@" || fail "see above; nothing beyond this can be right"

step "onescrape, from inside the Prometheus container: $target"
inside wget -q -O - "$target/-/ready" >/dev/null ||
  fail "the container does not reach $target: firewall, portproxy, or onescrape listens on 127.0.0.1 only (README.md, Troubleshooting)"
inside wget -q -O - "$target/metrics" | grep -q '^onescrape_source_up{.*} 1$' || fail "it answers, but not one of its sources is up"

step "Prometheus"
until=$((SECONDS + patience))
until inside wget -q -O - 'http://localhost:9090/api/v1/query?query=up%7Bjob=%22shop%22%7D' | grep -q '"value":\[[^]]*,"1"\]'; do
  [ "$SECONDS" -lt "$until" ] || fail "Prometheus has no up{job=\"shop\"} of 1: see http://localhost:9090/targets"
  sleep 1
done

step "all is well"
