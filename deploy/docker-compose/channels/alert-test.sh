# Sourced by the tests of alerts beside it. Where the stack is, and what waits for it; the two addresses and the command can be others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
shop=${SHOP:-http://localhost:8000}
alerts=${ALERTS:-http://localhost:5001/alerts}
compose=${COMPOSE:-docker compose}
patience=${PATIENCE:-240} # seconds that an alert may take: scrape, evaluation, `for`, grouping

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

received() { # how many lines of the receiver fit the pattern
  curl --fail --silent --show-error "$alerts" | grep --count --extended-regexp "$1" || true
}

wait_alert() { # PATTERN BEFORE: until there are more than BEFORE of it
  local until=$((SECONDS + patience))
  say "waiting for: $1"
  while [ "$(received "$1")" -le "$2" ]; do
    if [ "$SECONDS" -ge "$until" ]; then
      say "FAILED: none within $patience s. Does Prometheus show the rule (/alerts), does Alertmanager show the alert?"
      exit 1
    fi
    sleep 1
  done
  say "there it is"
}
