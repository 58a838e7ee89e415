# shellcheck shell=bash
# ./dev bench: our allreduce beside MPI's, in one run; whole training steps.

# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"

help_bench() {
  cat <<'HELP'
usage: ./dev bench [RONDE-BENCH ARGS]
       ./dev bench training pytorch|overhead [ARGS]

Times allreduce on 2 ranks for 4 B to 64 MiB, interleaved with MPI_Allreduce. An argument that is
given replaces the default of that name: ./dev bench -e 1G. Other collectives and ranks:
build/bin/ronderun -np N ronde-bench --help.

training pytorch: images per second of ronde-train beside the same model in PyTorch. training
overhead: what communication and virtual workers add to plain computation. Both take some minutes,
need an idle machine and say more with --help. Exit code 1: a goal was missed.
HELP
}

bench_training() { # pytorch|overhead ARGS
  local script python
  case ${1:-} in
    pytorch) script=compare_with_pytorch.py ;;
    overhead) script=step_overhead.py ;;
    *) die "./dev bench training: expected pytorch or overhead, got '${1:-}'" ;;
  esac
  shift
  set_up
  build_preset default
  # The wheel's Python: its torch package is the libtorch that ronde-train uses.
  python=$(venv_dir)/bin/python
  PYTHONDONTWRITEBYTECODE=1 "$python" "bench/training/$script" "$@"
}

run_bench() {
  if [[ ${1:-} == training ]]; then
    shift
    bench_training "$@"
    return
  fi
  local defaults=(-b 4 -e 64M -f 4 --peers mpi) arguments=() i
  for ((i = 0; i < ${#defaults[@]}; i += 2)); do
    [[ " $* " == *" ${defaults[i]} "* || " $* " == *" ${defaults[i]}="* ]] ||
      arguments+=("${defaults[@]:i:2}")
  done
  set_up
  build_preset default
  build/bin/ronderun -np 2 ronde-bench allreduce ${arguments[@]+"${arguments[@]}"} "$@"
}
