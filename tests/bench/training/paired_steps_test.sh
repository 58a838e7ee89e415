#!/usr/bin/env bash
# ronde-bench-steps as the benchmark of training steps runs it, and with wrong input.
set -euo pipefail
bench=$1 ronderun=$2 has_mpi=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

expect_pairs() { # RANKS
  [[ $(grep -c "\"ranks\": $1, .*\"seconds_compute\": 0.*\"seconds_averaged\": 0" "$work/out") == 2 ]] ||
    fail "$(cat "$work/out")"
}

tiny=(--model resnet8 --width 4 --batch-size 2 --pairs 2 --steps 1)
timeout 60 "$bench" "${tiny[@]}" >"$work/out" || fail "bare run"
expect_pairs 1

for arguments in "--model vgg16" "--pairs 0" "--what"; do
  status=0
  # shellcheck disable=SC2086
  timeout 60 "$bench" $arguments >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$arguments: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$arguments: $(cat "$work/error")"
done

if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  timeout 100 "$ronderun" -np 2 "$bench" "${tiny[@]}" >"$work/out" || fail "two ranks"
  expect_pairs 2
fi
echo "ok"
