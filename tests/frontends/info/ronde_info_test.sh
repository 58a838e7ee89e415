#!/usr/bin/env bash
# ronde-info lists every setting with its value and where it came from.
set -euo pipefail
info=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

RONDE_TIMEOUT_S=7 "$info" --cycle-time-ms 2 >"$work/text"
grep -Eq -- '--timeout-s +RONDE_TIMEOUT_S +7 +environment' "$work/text" || fail "environment origin"
grep -Eq -- '--cycle-time-ms +RONDE_CYCLE_TIME_MS +2 +flag' "$work/text" || fail "flag origin"
grep -Eq -- '--log-level +RONDE_LOG_LEVEL +warning +default' "$work/text" || fail "default origin"
grep -q 'in_process' "$work/text" || fail "transports"
grep -q 'recursive_doubling' "$work/text" || fail "algorithms"

RONDE_TIMEOUT_S=7 "$info" --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
settings = {s["environment"]: s for s in info["settings"]}
assert settings["RONDE_TIMEOUT_S"]["value"] == "7"
assert settings["RONDE_TIMEOUT_S"]["origin"] == "environment"
' || fail "JSON"

for variable in RONDE_TIMEOUT_S=soon RONDE_TIMEOUT=7; do
  status=0
  env "$variable" "$info" >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$variable: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$variable: $(cat "$work/error")"
  grep -q "${variable%%=*}" "$work/error" || fail "$variable is not named"
done
echo ok
