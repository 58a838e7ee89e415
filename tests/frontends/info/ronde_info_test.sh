#!/usr/bin/env bash
# ronde-info lists every setting with its value and where it came from, and explains choices.
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
# A topology that ronde-info has written is one that --topology reads.
"$info" --json | python3 -c '
import json, sys
topology = json.load(sys.stdin)["topology"]
topology.update(host_name="elsewhere", packages=2, package_of_cpu=[0, 1], cores=96)
json.dump(topology, sys.stdout)
' >"$work/topology.json"
"$info" --topology "$work/topology.json" >"$work/text"
grep -q 'host elsewhere: 2 packages' "$work/text" || fail "--topology"

explain() { "$info" --explain allreduce "$@" >"$work/text" || fail "--explain allreduce $*"; }
explain 1M
grep -Eq '^  shared_memory +tree +[0-9.]+  runs$' "$work/text" || fail "winner: $(cat "$work/text")"
grep -Eq '^  push_two_shot +tree +-  needs .*registered' "$work/text" || fail "obstacle"
grep -q '^shared_memory: least predicted cost' "$work/text" || fail "cause"
explain 1M --registered
grep -q '^push_two_shot: least' "$work/text" || fail "registered: $(cat "$work/text")"
explain 2M --allreduce-algorithm shared_memory:-1M,ring:1M- --ranks 4
grep -q "^ring: --allreduce-algorithm 'ring:1M-'" "$work/text" || fail "rule: $(cat "$work/text")"
explain 1M --reproducible tree
grep -Eq '^  ring .* its order is not --reproducible tree' "$work/text" || fail "reproducible"
explain 1M --allreduce-algorithm push_two_shot
grep -q "^nothing runs: .*'push_two_shot' cannot run" "$work/text" || fail "refusal"
explain 1M --op adasum --ranks 3 --chunk-bytes 64K
[[ $(grep -c ' -  operator adasum has an algorithm of its own$' "$work/text") -ge 6 ]] ||
  fail "others' candidates for adasum: $(cat "$work/text")"
[[ $(grep -c '  runs' "$work/text") == 1 ]] || fail "adasum: $(cat "$work/text")"
grep -q '^adasum: ' "$work/text" || fail "adasum: $(cat "$work/text")"
explain 1M --op adasum --dtype int32
grep -q '^nothing runs: ' "$work/text" || fail "adasum of integers: $(cat "$work/text")"
! grep -Eq '^  [a-z_]+ +[a-z]+ +[0-9]' "$work/text" || fail "candidates: $(cat "$work/text")"

form() { # COLLECTIVE NAME OPTIONS...: which form of the collective runs
  local collective=$1 name=$2
  shift 2
  "$info" --explain "$collective" 1M "$@" >"$work/text" || fail "--explain $collective $*"
  grep -q "^$name: " "$work/text" || fail "$collective $*: $(cat "$work/text")"
}
form broadcast shared_memory
form broadcast push --registered
form broadcast hierarchical_chain --ranks 4 --hosts 2
form broadcast binomial_tree --ranks 4 --hosts 2 --hierarchy flat
form allgather hierarchical_rails --ranks 4 --hosts 2
form allgather hierarchical_leader --ranks 5 --hosts 2
form reducescatter hierarchical --ranks 4 --hosts 2
form alltoall shared_memory
form alltoall pull --registered
form alltoall pairwise --ranks 4 --hosts 2

cat >"$work/tuning.json" <<'END'
{"format": 1, "machine": "elsewhere", "entries": [
  {"ranks": 3, "hosts": 1, "allreduce": [{"algorithm": "ring", "min_bytes": 100}]}]}
END
"$info" --explain allreduce 4K --ranks 3 --tuning-file "$work/tuning.json" --json 2>"$work/error" |
  python3 -c '
import json, sys
explanation = json.load(sys.stdin)
assert explanation["winner"] == "ring", explanation
assert explanation["because"] == "rule 1 of --tuning-file", explanation
candidates = {c["algorithm"]: c for c in explanation["candidates"]}
assert candidates["ring"]["predicted_us"] > 0
assert not candidates["push_two_shot"]["can_run"]
assert candidates["adasum"]["obstacle"].startswith("needs operator adasum"), candidates
' || fail "tuning file"
grep -q 'another machine' "$work/error" || fail "foreign machine: $(cat "$work/error")"
"$info" --explain allreduce 4K --tuning-file "$work/tuning.json" >"$work/text" 2>"$work/error"
grep -q 'no entry for 2 ranks' "$work/error" || fail "no entry: $(cat "$work/error")"

echo '{"format": 9}' >"$work/later.json"
refused() {  # what to find in the one line of error, then arguments
  local expected=$1 status=0
  shift
  "$info" "$@" >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$*: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$*: $(cat "$work/error")"
  grep -q -- "$expected" "$work/error" || fail "$*: $(cat "$work/error")"
}
refused "accepted: allreduce, " --explain gather 1M
refused "'lots' is not a size" --explain allreduce lots
refused "--dtype: 'real' is unknown" --explain allreduce 1M --dtype real
refused "--op: 'mean' is unknown; .* or adasum" --explain allreduce 1M --op mean
refused "--op adasum: needs whole tensors" --explain reducescatter 1M --op adasum
refused "--ranks" --explain allreduce 1M --ranks 0
refused "rule 'ring:1M'" --explain allreduce 1M --allreduce-algorithm ring:1M
refused "format 9" --explain allreduce 1M --tuning-file "$work/later.json"
refused "cannot read" --explain allreduce 1M --tuning-file "$work/none.json"
refused "--topology" --topology "$work/later.json"
refused "spin" --wait sleep
echo ok
