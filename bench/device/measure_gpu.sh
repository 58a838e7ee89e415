#!/usr/bin/env bash
# usage: measure_gpu.sh [--programs WHERE] [--output FOLDER] [--steps NAME,NAME,...] [--limit S]
#
# Everything that one GPU can show, as small files in the output folder (default build/gpu-results),
# which report.py turns into docs/gpu-results.md. Nothing is installed or downloaded, and the GPU's
# settings are left as they are. Each step is bounded in time and goes on whatever became of the
# others; all together end within --limit seconds (default 580). In this order:
#
#   machine     what this is
#   tests       the tests of label gpu, ranks as threads and as 2, 4, 8 processes
#   kernels     pack, unpack, reduce, optimizer beside what the memory can do
#   torch       torch's foreach SGD on the same parameters
#   training    ronde-train beside PyTorch, ResNet-50 in bf16
#   bench       ronde-bench: ranks as threads, as processes, beside NCCL on one rank
#   ncu         Nsight Compute's figures of the kernels
#   sanitizer   compute-sanitizer memcheck and racecheck on the kernels
#   trainer     the trainer's own tests on a GPU
#
# --programs: a build folder (default build), or what bundle.sh has made. Python is the one with
# torch.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=$root/build
output=$root/build/gpu-results
steps=machine,tests,kernels,torch,training,bench,ncu,sanitizer,trainer
limit=580

while (($#)); do
  case $1 in
    --programs) programs=$2 ;;
    --output) output=$2 ;;
    --steps) steps=$2 ;;
    --limit) limit=$2 ;;
    *) sed -n '2,/^set /p' "${BASH_SOURCE[0]}" | grep '^#' | cut -c 3- >&2 && exit 2 ;;
  esac
  shift 2
done
mkdir -p "$output"
if [[ ,$steps, == *,machine,* ]]; then rm -f "$output/steps.jsonl"; fi # else this goes on
if [[ -f $programs ]]; then
  bundle=$(mktemp -d)
  tar -xf "$programs" -C "$bundle"
  programs=$bundle
fi
output=$(realpath "$output")
programs=$(realpath "$programs")
bin=$programs/bin
tests=$programs/tests

# A bundle's programs look for their build folder: it shall be found where nothing is in the way.
if [[ -f $programs/build_dir ]]; then
  built_in=$(<"$programs/build_dir")
  if [[ ! -e $built_in ]]; then
    mkdir -p "$(dirname "$built_in")" && ln -s "$programs" "$built_in"
  fi
fi
add_libraries() { # FOLDER...
  local each
  for each in "$@"; do
    if [[ -d $each ]]; then LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$each; fi
  done
}
python=$(command -v python3)
torch=$("$python" -c 'import importlib.util as u; s = u.find_spec("torch")
print(s.submodule_search_locations[0] if s else "")' 2>/dev/null)
add_libraries "$programs/lib" ${torch:+"$torch/lib" "$torch"/../nvidia/*/lib} \
  "${CUDA_HOME:-/usr/local/cuda}/lib64"
if [[ -d $programs/openmpi ]]; then
  chmod -R u+x "$programs/openmpi/bin" # archives do not always keep that
  export OPAL_PREFIX=$programs/openmpi PMIX_PREFIX=$programs/openmpi PRTE_PREFIX=$programs/openmpi
  PATH=$programs/openmpi/bin:$PATH
  add_libraries "$programs/openmpi/lib" "$programs/openmpi/lib/openmpi"
fi
PATH=$bin:${CUDA_HOME:-/usr/local/cuda}/bin:$PATH
export PATH LD_LIBRARY_PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Streams of several ranks must not wait for one another in the driver's queues.
export CUDA_DEVICE_MAX_CONNECTIONS=32
# Open MPI refuses to run as root unless it is told twice.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# attempt SECONDS NAME COMMAND...: output to NAME.txt, a line of what became of it to steps.jsonl.
attempt() {
  local seconds=$1 name=$2 start=$SECONDS status=0
  shift 2
  ((seconds <= limit - SECONDS)) || seconds=$((limit - SECONDS))
  if ((seconds < 2)); then
    printf '%-28s no time left\n' "$name"
    return
  fi
  timeout --kill-after=5 "$seconds" "$@" >"$output/$name.txt" 2>&1 </dev/null || status=$?
  local skipped=false
  if ((status == 0)) && grep -q 'SKIPPED\|looking for devices: \|skipped=' "$output/$name.txt"; then
    skipped=true
  fi
  printf '{"step": "%s", "exit_code": %d, "skipped": %s, "seconds": %d, "command": %s}\n' "$name" \
    "$status" $skipped $((SECONDS - start)) "$(quoted "$*")" >>"$output/steps.jsonl"
  printf '%-28s exit %3d  %3d s\n' "$name" "$status" $((SECONDS - start))
  if ((status != 0)); then tail -n 5 "$output/$name.txt" | cut -c 1-200 | sed 's/^/    /'; fi
}
quoted() { # as a JSON string, with paths that end where this checkout's do
  local text=${1//$programs\//}
  text=${text//$output\//}
  text=${text//$python/python3}
  text=${text//$root\//}
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

step_machine() {
  attempt 20 machine nvidia-smi \
    --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,mig.mode.current \
    --format=csv,noheader
  attempt 10 toolkit nvcc --version
  attempt 60 torch_version "$python" -c 'import torch; print(torch.__version__)'
  attempt 20 info ronde-info
  date -u +%Y-%m-%d >"$output/date.txt"
  cat "$output/machine.txt"
}

step_tests() {
  local test np
  for test in "$tests"/device_cuda_test "$tests"/*_on_gpu_test; do
    if [[ -x $test ]]; then attempt 60 "test_$(basename "$test")" "$test"; fi
  done
  if [[ -x $tests/ranks_as_streams_test ]]; then
    attempt 120 test_ranks_as_streams_test "$tests/ranks_as_streams_test"
  fi
  for np in 2 4 8; do
    attempt 60 "test_ipc_ranks_np$np" ronderun -np $np "$tests/ronde_ipc_ranks"
  done
}

step_kernels() { attempt 60 kernels ronde-bench-kernels --json "$output/kernels.jsonl"; }

step_torch() {
  attempt 60 torch_sgd "$python" "$root/bench/device/foreach_sgd.py"
  grep '^{' "$output/torch_sgd.txt" >"$output/torch_sgd.jsonl"
}

step_bench() {
  local np path buffers
  attempt 30 bench_nccl ronde-bench allreduce --device cuda --peers nccl -b 4 -e 64M -f 16 \
    --json "$output/bench_nccl.jsonl"
  for path in direct engine; do
    for buffers in registered private; do
      attempt 30 "bench_threads_${path}_$buffers" ronde-bench allreduce --device cuda --ranks 2 \
        --path $path --buffers $buffers -b 4 -e 64M -f 16 \
        --json "$output/bench_threads_${path}_$buffers.jsonl"
    done
  done
  for np in 2 4; do
    attempt 60 "bench_processes_np$np" ronderun -np $np ronde-bench allreduce --device cuda \
      --buffers registered -b 4 -e 16M -f 64 -n 5 --json "$output/bench_processes_np$np.jsonl"
  done
  attempt 40 bench_calibrate ronde-bench --calibrate "$output/tuning.json" --device cuda --ranks 2
}

step_sanitizer() {
  local tool test=$tests/kernels_on_gpu_test
  for tool in memcheck racecheck; do
    attempt 75 "sanitizer_$tool" compute-sanitizer --tool $tool --error-exitcode 99 \
      ronde-bench-kernels --rounds 1 --batch-us 1 --model 161x1000 --size 256K --elements 100003
  done
  if [[ -x $test ]]; then
    attempt 90 sanitizer_memcheck_tests compute-sanitizer --tool memcheck --error-exitcode 99 \
      "$test"
  fi
}

# The rate of device memory, and of each kernel's launches the first few. The card's clocks stay.
step_ncu() {
  local kernel metrics=gpu__time_duration.sum,dram__bytes_read.sum,dram__bytes_write.sum
  metrics+=,dram__throughput.avg.pct_of_peak_sustained_elapsed
  metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active
  metrics+=,launch__registers_per_thread,launch__grid_size,launch__block_size
  for kernel in pack reduce optimizer; do
    attempt 60 "ncu_$kernel" ncu --clock-control none --csv --page raw --launch-count 12 \
      --metrics "$metrics" "$bin/ronde-bench-kernels" --only $kernel --rounds 1 --batch-us 1 --no-check
  done
}

step_training() {
  if [[ ! -x $bin/ronde-train ]]; then
    echo "training: no ronde-train in $bin" | tee "$output/training.txt"
    return
  fi
  attempt 170 training "$python" "$root/bench/training/compare_on_gpu.py" --repeats 2 \
    --bin-dir "$bin" --json "$output/training.json"
}

# After its other tests, which are short.
step_trainer() {
  if [[ ! -x $bin/ronde-train ]]; then return; fi
  attempt 150 test_trainer env RONDE_TEST_TRAIN="$bin/ronde-train" \
    RONDE_TEST_RONDERUN="$bin/ronderun" RONDE_TEST_HAS_MPI=1 \
    PYTHONPATH="$root/tests/frontends/resnet" "$python" "$root/tests/gpu/trainer/trainer_gpu_test.py"
}

for step in ${steps//,/ }; do
  if ! declare -F "step_$step" >/dev/null; then
    echo "measure_gpu.sh: --steps: '$step' is unknown; see the head of this file" >&2
    exit 2
  fi
done
for step in ${steps//,/ }; do "step_$step"; done
if [[ ,$steps, == *,kernels,* && -f $output/kernels.txt ]]; then cat "$output/kernels.txt"; fi
