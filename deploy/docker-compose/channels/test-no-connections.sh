#!/usr/bin/env bash
# Nobody is connected for 60 s: NoActiveConnections comes. Somebody connects: it is resolved.
source "$(dirname "$0")/alert-test.sh"

firing='^firing NoActiveConnections '
resolved='^resolved NoActiveConnections '
say "close every browser and client that is connected to $shop"
# It may have fired before: that will do, as long as it is not resolved.
wait_alert "$firing" "$(received "$resolved")"

before=$(received "$resolved")
say "connecting"
$compose exec -T web_green python websocket_client.py "${WEBSOCKET:-ws://shop:8000/ws/echo/}" "$patience" &
client=$!
trap 'kill "$client" 2>/dev/null || true' EXIT
wait_alert "$resolved" "$before"
say "passed"
