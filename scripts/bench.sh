# shellcheck shell=bash
# ./dev bench: our allreduce beside MPI's, in one run.

# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"

help_bench() {
  cat <<'HELP'
usage: ./dev bench [RONDE-BENCH ARGS]

Times allreduce on 2 ranks for 4 B to 64 MiB, interleaved with MPI_Allreduce. An argument that is
given replaces the default of that name: ./dev bench -e 1G. Other collectives and ranks:
build/bin/ronderun -np N ronde-bench --help.
HELP
}

run_bench() {
  local defaults=(-b 4 -e 64M -f 4 --peers mpi) arguments=() i
  for ((i = 0; i < ${#defaults[@]}; i += 2)); do
    [[ " $* " == *" ${defaults[i]} "* || " $* " == *" ${defaults[i]}="* ]] ||
      arguments+=("${defaults[@]:i:2}")
  done
  set_up
  build_preset default
  build/bin/ronderun -np 2 ronde-bench allreduce ${arguments[@]+"${arguments[@]}"} "$@"
}
