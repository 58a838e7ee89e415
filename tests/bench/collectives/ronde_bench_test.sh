#!/usr/bin/env bash
# ronde-bench as a user runs it: bare, under ronderun with a peer, and with wrong input.
set -euo pipefail
bench=$1 ronderun=$2 has_mpi=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

timeout 60 "$bench" allreduce -b 4 -e 1K -n 3 --json >"$work/bare" || fail "bare run"
[[ $(grep -c '"wrong":0' "$work/bare") == 5 ]] || fail "bare run: $(cat "$work/bare")"

for arguments in "--buffers registered --path engine" "-n 0" "-d nothing" "--allreduce-algorithm nothing" "--json /nowhere/x" "--what"; do
  status=0
  # shellcheck disable=SC2086
  timeout 60 "$bench" allreduce $arguments >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$arguments: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$arguments: $(cat "$work/error")"
done

if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  for path in direct engine; do
    timeout 100 "$ronderun" -np 2 "$bench" allreduce -b 4 -e 64K -f 16 -n 5 --path "$path" \
      --peers mpi --json "$work/$path" >"$work/table" || fail "$path with a peer"
    grep -q '#wrong' "$work/table" || fail "no table: $(cat "$work/table")"
    [[ $(grep -c '"peers":{"mpi":{"time_us":' "$work/$path") == 4 ]] || fail "$(cat "$work/$path")"
    [[ $(grep -c '"wrong":0' "$work/$path") == 4 ]] || fail "$(cat "$work/$path")"
  done
  timeout 100 "$ronderun" -np 2 "$bench" allreduce -b 64K -e 16M -f 16 -n 5 --buffers registered \
    --json >"$work/registered" || fail "registered buffers"
  [[ $(grep -c '"buffers":"registered".*"push_two_shot".*"wrong":0.*"wrong":0' \
    "$work/registered") == 3 ]] || fail "$(cat "$work/registered")"
fi
echo "ok"
