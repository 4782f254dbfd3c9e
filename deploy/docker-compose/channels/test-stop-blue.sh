#!/usr/bin/env bash
# Blue is stopped: ApplicationDown comes for it, and green goes on serving. Blue is started: it is resolved.
source "$(dirname "$0")/alert-test.sh"

firing='^firing ApplicationDown .*source=blue'
resolved='^resolved ApplicationDown .*source=blue'
before=$(received "$firing")
$compose stop web_blue
trap '$compose start web_blue' EXIT
wait_alert "$firing" "$before"
curl --fail --silent --show-error --output /dev/null "$shop/" || { say "FAILED: $shop does not answer without blue"; exit 1; }
say "green answers"

before=$(received "$resolved")
$compose start web_blue
trap - EXIT
wait_alert "$resolved" "$before"
say "passed"
