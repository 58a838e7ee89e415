#!/usr/bin/env bash
# ronde-bench on devices as a user runs it, on a machine with or without a GPU: a simulated device,
# ranks as threads, and wrong input.
set -euo pipefail
bench=$1 kernels=$2 ronderun=$3 has_mpi=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

# Exit code 2 and one line that holds the text.
refused() { # TEXT COMMAND...
  local text=$1 status=0
  shift
  timeout 60 "$@" >/dev/null 2>"$work/error" || status=$?
  [[ $status == 2 ]] || fail "$*: exit code $status: $(cat "$work/error")"
  [[ $(wc -l <"$work/error") == 1 ]] || fail "$*: $(cat "$work/error")"
  grep -q -e "$text" "$work/error" || fail "$*: $(cat "$work/error")"
}

for path in direct engine; do
  for buffers in private registered; do
    timeout 60 "$bench" allreduce --device simulated --ranks 2 --path $path --buffers $buffers \
      -b 4 -e 256K -f 256 -n 3 --json >"$work/rows" || fail "allreduce $path $buffers"
    [[ $(grep -c '"device":"simulated".*"wrong":0.*"in_place":{.*"wrong":0' "$work/rows") == 3 ]] ||
      fail "allreduce $path $buffers: $(cat "$work/rows")"
  done
done
grep -q '"algorithm":"engine"' "$work/rows" || fail "$(cat "$work/rows")"
for collective in allgather reducescatter broadcast alltoall; do
  timeout 60 "$bench" $collective --device simulated --ranks 2 --path engine -b 4 -e 64K -f 256 \
    -n 3 --json >"$work/rows" || fail "$collective"
  [[ $(grep -c '"wrong":0' "$work/rows") == 2 ]] || fail "$collective: $(cat "$work/rows")"
done
timeout 60 "$bench" allreduce --device simulated -b 4 -e 1K -n 3 >"$work/table" || fail "one rank"
grep -q 'device simulated' "$work/table" || fail "$(cat "$work/table")"

refused 'use --path engine' "$bench" allgather --device simulated --ranks 2
refused "'mpi' works on host memory\|'mpi' is not in this build" \
  "$bench" allreduce --device simulated --peers mpi
refused "'nccl' needs a GPU" "$bench" allreduce --device simulated --peers nccl
refused "'nccl' works on device memory" "$bench" allreduce --peers nccl
refused '--cache cold' "$bench" allreduce --device simulated --cache cold
refused 'nccl' "$bench" allreduce --device simulated --ranks 2 --allreduce-algorithm nccl
# Without CUDA, without a GPU, or with one that does not exist.
CUDA_VISIBLE_DEVICES='' refused 'cuda' "$bench" allreduce --device cuda
CUDA_VISIBLE_DEVICES='' refused 'cuda' "$kernels" --device cuda

timeout 60 "$kernels" --device simulated --rounds 1 --model 20x500 --size 4K --elements 1000 \
  --json "$work/kernels" >"$work/table" || fail "kernels: $(cat "$work/table")"
[[ $(grep -c '"kernel":"pack".*"wrong":0' "$work/kernels") == 5 ]] || fail "$(cat "$work/kernels")"
[[ $(grep -c '"kernel":"reduce".*"wrong":0' "$work/kernels") == 10 ]] || fail "$(cat "$work/kernels")"
refused "'sort'" "$kernels" --device simulated --only sort

if [[ $has_mpi == ON || $has_mpi == TRUE || $has_mpi == 1 ]]; then
  # Processes cannot map one another's simulated memory: the engine stages it.
  timeout 100 "$ronderun" -np 2 "$bench" allreduce --device simulated --path engine -b 4 -e 64K \
    -f 256 -n 3 --json >"$work/rows" || fail "processes"
  [[ $(grep -c '"wrong":0' "$work/rows") == 2 ]] || fail "processes: $(cat "$work/rows")"
  refused 'use --path engine' "$ronderun" -np 2 "$bench" allreduce --device simulated
  refused 'ronderun has started 2 ranks' \
    "$ronderun" -np 2 "$bench" allreduce --device simulated --ranks 2
fi
echo "ok"
