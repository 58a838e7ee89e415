#!/usr/bin/env bash
# The study of the time per iteration with the real programs: two tiny runs, the second time kept;
# where there are several hosts, also that nothing of them stays behind.
set -euo pipefail
python=$1 bin_dir=$2
shift 2
root=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
command=("$python" "$root/bench/training/time_per_iteration.py" --quick --compute stand-in
  --bin-dir "$bin_dir" --output "$work/out" "$@")

fail() { echo "FAILED: $*" >&2; exit 1; }

timeout 50 "${command[@]}" | tee "$work/said"
grep -q "bytes equal the closed form.*: 4 epochs of 2 runs agree" "$work/said" || fail "bytes"
grep -q '"compute": "stand-in 4 ms"' "$work/out/result.json" || fail "compute"
timeout 50 "${command[@]}" >"$work/said"
[[ $(grep -c "(kept)" "$work/said") == 2 ]] || fail "not kept: $(cat "$work/said")"

if [[ $* == *"--hosts 2"* ]]; then
  "${command[@]}" --force >/dev/null 2>"$work/said" &
  study=$!
  until [[ -s /run/ronde-hosts/iterations-$study/hosts ]]; do
    kill -0 "$study" || fail "it ended before its hosts were up"
    sleep 0.05
  done
  kill -TERM "$study"
  status=0
  wait "$study" || status=$?
  [[ $status == 130 ]] || fail "exit code $status after a signal: $(cat "$work/said")"
  [[ ! -e /run/ronde-hosts/iterations-$study ]] || fail "its hosts are still up"
fi
echo "ok"
