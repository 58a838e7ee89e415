# shellcheck shell=bash
# ./dev bench: collectives beside other libraries', in one run; baselines; whole training steps.

# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"

help_bench() {
  cat <<'HELP'
usage: ./dev bench [COLLECTIVE] [RONDE-BENCH ARGS]
       ./dev bench settings [ARGS]
       ./dev bench compare [ARGS]
       ./dev bench micro [ARGS]
       ./dev bench hosts stream|open-mpi [ARGS]
       ./dev bench training pytorch|overhead|iterations [ARGS]
       ./dev bench device [ARGS]

Times a collective (allreduce) on 2 ranks for 4 B to 64 MiB, interleaved with MPI's. An argument
that is given replaces the default of that name: ./dev bench allgather -e 1G --peers mpi,gloo. Other
numbers of ranks: build/bin/ronderun -np N ronde-bench --help.

settings: allreduce beside Open MPI at the best of its settings for each size; takes hours unless
--np, --bands, --settings or --buffers say less, and goes on where it was interrupted.
compare: two runs, or new ones with this machine's saved baseline; exit code 1 where something has
become slower. --save-baseline saves one.
hosts: allreduce over several hosts that this machine plays (./dev hosts), beside what TCP can carry
or beside Open MPI at the better of two settings; minutes. Exit code 1: a goal was missed.
micro: reduction kernels, packing and negotiation on their own; Google Benchmark's flags.
training pytorch: images per second of ronde-train beside the same model in PyTorch. training
overhead: what communication and virtual workers add to plain computation. training iterations: what
an iteration's time is spent on, on 1, 2 and 4 hosts of ./dev hosts, as a table and a figure. They
take some minutes, need an idle machine and say more with --help. Exit code 1: a goal was missed.
device: everything that one GPU can show (tests, kernels, collectives, sanitizers, the trainer), in
less than 10 minutes, into build/gpu-results and docs/gpu-results.md; --steps kernels,torch says less.
Exit code 1: a goal was missed. Where nothing can be installed: bench/device/bundle.sh.
HELP
}

bench_training() { # pytorch|overhead|iterations ARGS
  local script python
  case ${1:-} in
    pytorch) script=compare_with_pytorch.py ;;
    overhead) script=step_overhead.py ;;
    iterations) script=time_per_iteration.py ;;
    *) die "./dev bench training: expected pytorch, overhead or iterations, got '${1:-}'" ;;
  esac
  shift
  set_up
  build_preset default
  # The wheel's Python: its torch package is the libtorch that ronde-train uses.
  python=$(venv_dir)/bin/python
  PYTHONDONTWRITEBYTECODE=1 "$python" "bench/training/$script" "$@"
}

bench_hosts() { # stream|open-mpi ARGS
  local script
  case ${1:-} in
    stream) script=against_stream.py ;;
    open-mpi) script=against_open_mpi.py ;;
    *) die "./dev bench hosts: expected stream or open-mpi, got '${1:-}'" ;;
  esac
  shift
  PYTHONDONTWRITEBYTECODE=1 python3 "bench/multihost/$script" "$@"
}

bench_device() { # ARGS
  set_up
  build_preset default
  # The wheel's Python: its torch package is the libtorch that ronde-train uses.
  PATH=$(venv_dir)/bin:$PATH bench/device/measure_gpu.sh --programs build "$@"
  PYTHONDONTWRITEBYTECODE=1 python3 bench/device/report.py build/gpu-results
}

# Programs and scripts that stand for themselves.
bench_other() { # WHAT ARGS
  local what=$1
  shift
  set_up
  build_preset default
  case $what in
    hosts) bench_hosts "$@" ;;
    settings) PYTHONDONTWRITEBYTECODE=1 python3 bench/collectives/best_of_settings.py "$@" ;;
    compare) PYTHONDONTWRITEBYTECODE=1 python3 bench/collectives/compare.py "$@" ;;
    micro) build/bin/ronde-bench-micro "$@" ;;
  esac
}

run_bench() {
  case ${1:-} in
    training)
      shift
      bench_training "$@"
      return
      ;;
    device)
      shift
      bench_device "$@"
      return
      ;;
    settings | compare | micro | hosts)
      bench_other "$@"
      return
      ;;
  esac
  local collective=allreduce
  if (($#)) && [[ $1 != -* ]]; then
    collective=$1
    shift
  fi
  local defaults=(-b 4 -e 64M -f 4 --peers mpi) arguments=() i
  for ((i = 0; i < ${#defaults[@]}; i += 2)); do
    [[ " $* " == *" ${defaults[i]} "* || " $* " == *" ${defaults[i]}="* ]] ||
      arguments+=("${defaults[@]:i:2}")
  done
  set_up
  build_preset default
  build/bin/ronderun -np 2 ronde-bench "$collective" ${arguments[@]+"${arguments[@]}"} "$@"
}
