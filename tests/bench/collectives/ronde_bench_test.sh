#!/usr/bin/env bash
# ronde-bench as a user runs it: bare, under ronderun with a peer, and with wrong input.
set -euo pipefail
bench=$1 ronderun=$2 has_mpi=$3 has_gloo=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

timeout 60 "$bench" allreduce -b 4 -e 1K -n 3 --json >"$work/bare" || fail "bare run"
[[ $(grep -c '"wrong":0' "$work/bare") == 5 ]] || fail "bare run: $(cat "$work/bare")"

for arguments in "-n 0" "-d nothing" "--allreduce-algorithm nothing" "--json /nowhere/x" "--what" \
  "--peers nobody" "-r 1" "-i 0" "-i 4 -f 2" "--cache hot" "--style mine" "-c -1"; do
  status=0
  # shellcheck disable=SC2086
  timeout 60 "$bench" allreduce $arguments >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$arguments: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$arguments: $(cat "$work/error")"
done

for arguments in "broadcast -r 1" "allgather -o sum" "alltoall -r 0" "sendrecv --path engine" \
  "allgather --bounds" "negotiate --ranks 0" "idle -n 3" "gradients --model nothing" "gradients -e 4" "allreduce --model x"; do
  status=0
  # shellcheck disable=SC2086
  timeout 60 "$bench" $arguments >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$arguments: exit code $status"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$arguments: $(cat "$work/error")"
done

# An earlier result outlives a run that measures nothing, and gives way to one that does.
echo '{"earlier":1}' >"$work/earlier"
for arguments in "broadcast -r 9" "allreduce --allreduce-algorithm push_by_package -b 4 -e 64" \
  "gradients --model nothing"; do
  status=0
  # shellcheck disable=SC2086
  timeout 60 "$bench" $arguments --json "$work/earlier" >"$work/table" 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$arguments: exit code $status"
  [[ ! -s $work/table ]] || fail "$arguments: $(cat "$work/table")"
  grep -q earlier "$work/earlier" || fail "$arguments: has overwritten an earlier result"
done
timeout 60 "$bench" allreduce -b 4 -e 4 -n 3 --json "$work/earlier" >/dev/null || fail "--json FILE"
grep -q '^{"collective":"allreduce",' "$work/earlier" || fail "$(cat "$work/earlier")"
[[ $(wc -l <"$work/earlier") == 1 ]] || fail "$(cat "$work/earlier")"

timeout 60 "$bench" broadcast -b 4 -e 64 -n 3 --style osu >"$work/osu" || fail "OSU style"
grep -q '^# Size  *Avg Latency(us)' "$work/osu" || fail "$(cat "$work/osu")"
grep -q '^# Out of bounds values : 0 OK' "$work/osu" || fail "$(cat "$work/osu")"

if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  for path in direct engine; do
    timeout 100 "$ronderun" -np 2 "$bench" allreduce -b 4 -e 64K -f 16 -n 5 --path "$path" \
      --peers mpi --json "$work/$path" >"$work/table" || fail "$path with a peer"
    grep -q '#wrong' "$work/table" || fail "no table: $(cat "$work/table")"
    [[ $(grep -c '"peers":{"mpi":{"time_us":' "$work/$path") == 4 ]] || fail "$(cat "$work/$path")"
    [[ $(grep -c '"wrong":0' "$work/$path") == 4 ]] || fail "$(cat "$work/$path")"
  done
  for collective in allgather reducescatter broadcast alltoall sendrecv; do
    for path in direct engine; do
      [[ $collective$path != sendrecvengine ]] || continue
      timeout 100 "$ronderun" -np 2 "$bench" "$collective" -b 4 -e 64K -f 128 -n 3 --path "$path" \
        --buffers registered --peers mpi --json >"$work/rows" || fail "$collective $path"
      [[ $(grep -c '"wrong":0.*"peers":{"mpi":{.*"wrong":0' "$work/rows") == 3 ]] ||
        fail "$collective $path: $(cat "$work/rows")"
      ! grep -q '"wrong":[1-9]' "$work/rows" || fail "$collective $path: $(cat "$work/rows")"
    done
  done
  if [[ $has_gloo == ON || $has_gloo == TRUE || $has_gloo == 1 ]]; then
    for collective in allreduce reducescatter alltoall; do
      timeout 100 "$ronderun" -np 3 "$bench" "$collective" -b 4 -e 64K -f 128 -n 3 --peers gloo \
        --json >"$work/rows" || fail "$collective beside gloo"
      [[ $(grep -c '"peers":{"gloo":{.*"wrong":0' "$work/rows") == 3 ]] ||
        fail "$(cat "$work/rows")"
      ! grep -q '"wrong":[1-9]' "$work/rows" || fail "$collective: $(cat "$work/rows")"
    done
  else
    ! timeout 60 "$bench" --peers gloo 2>"$work/error" || fail "gloo without gloo"
    grep -q 'libgloo-dev' "$work/error" || fail "$(cat "$work/error")"
  fi
  timeout 100 "$ronderun" -np 2 "$bench" allreduce -b 64K -e 16M -f 16 -n 5 --buffers registered \
    --json >"$work/registered" || fail "registered buffers"
  [[ $(grep -c '"buffers":"registered".*"push_two_shot".*"wrong":0.*"wrong":0' \
    "$work/registered") == 3 ]] || fail "$(cat "$work/registered")"
fi

echo "1000 3 70000 12" >"$work/model"
if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  timeout 100 "$ronderun" -np 2 "$bench" gradients --model "$work/model" -n 3 --peers mpi \
    --json "$work/gradients" >"$work/table" || fail "gradients: $(cat "$work/table")"
  [[ $(grep -c '"wrong":0,"peers":{"mpi":{.*"mpi sum":{' "$work/gradients") == 12 ]] ||
    fail "$(cat "$work/gradients")"
  grep -q ' x mpi sum$' "$work/table" || fail "$(cat "$work/table")"
  timeout 100 "$ronderun" -np 2 "$bench" allreduce -b 64K -e 4M -f 64 -n 5 --bounds \
    --buffers registered --json >"$work/bounds" || fail "bounds"
  [[ $(grep -c '"bound_percent":.*"bound_percent":.*"read_gbs":' "$work/bounds") == 2 ]] ||
    fail "$(cat "$work/bounds")"
fi

timeout 60 "$bench" negotiate --ranks 2,3 --tensors 1,7 -n 3 --json >"$work/rows" || fail "negotiate"
[[ $(grep -c '"benchmark":"negotiate","transport":"in_process"' "$work/rows") == 12 ]] ||
  fail "$(cat "$work/rows")"
timeout 60 "$bench" idle --seconds 0.1 >"$work/table" || fail "idle alone"
[[ $(grep -c '^  idle ' "$work/table") == 1 ]] || fail "$(cat "$work/table")"
if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  timeout 100 "$ronderun" -np 2 "$bench" negotiate --tensors 1,7 -n 3 --json >"$work/rows" ||
    fail "negotiate between processes"
  [[ $(grep -c '"transport":"mpi","ranks":2' "$work/rows") == 6 ]] || fail "$(cat "$work/rows")"
  status=0
  timeout 100 "$ronderun" -np 2 "$bench" negotiate --ranks 2 2>"$work/error" >&2 || status=$?
  [[ $status == 2 ]] || fail "--ranks under ronderun: exit code $status"
  grep -q -e '--ranks: ronderun has started 2 ranks' "$work/error" || fail "$(cat "$work/error")"
  timeout 100 "$ronderun" -np 2 "$bench" idle --seconds 0.1 --json >"$work/rows" || fail "idle"
  [[ $(grep -c '"cpu_percent":\[[0-9.]*,[0-9.]*\]' "$work/rows") == 5 ]] || fail "$(cat "$work/rows")"
  timeout 100 "$ronderun" -np 2 "$bench" gradients --negotiation --model "$work/model" -n 3 \
    --json >"$work/rows" || fail "negotiation"
  [[ $(grep -c '"benchmark":"negotiation".*"wrong":0' "$work/rows") == 10 ]] ||
    fail "$(cat "$work/rows")"
  timeout 100 "$ronderun" -np 2 "$bench" allreduce --path engine -b 4K -e 4K -n 20 \
    >"$work/table" || fail "latency"
  grep -q ' p50 *p99 ' "$work/table" || fail "no quantiles: $(cat "$work/table")"
fi
echo "ok"
