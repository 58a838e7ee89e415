#!/bin/bash
# End to end: ronderun_test.sh RONDERUN [MPI_PROGRAM]. What ronderun says and returns for bad input
# and for every way in which a rank can end. MPI_PROGRAM is launcher_test_program.
# shellcheck disable=SC2015
set -u
ronderun=$1
mpi_program=${2:-}
host=$(hostname)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
# shellcheck disable=SC2016
on_rank_1='[ "${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}" = 1 ]'

fail() {
  echo "FAILED: $1"
  sed 's/^/  stdout: /' "$work/out"
  sed 's/^/  stderr: /' "$work/err"
  failures=$((failures + 1))
}

run() {
  timeout 30 "$ronderun" "$@" </dev/null >"$work/out" 2>"$work/err"
  code=$?
}

# expect CODE STDERR ARGS...: the exit code, and stderr that is this one line (a pattern), or none.
expect() {
  local want_code=$1 want_line=$2
  shift 2
  run "$@"
  [ "$code" = "$want_code" ] || fail "ronderun $*: exit code $code, expected $want_code"
  if [ -z "$want_line" ]; then
    [ ! -s "$work/err" ] || fail "ronderun $*: expected nothing on stderr"
  else
    [ "$(wc -l <"$work/err")" = 1 ] || fail "ronderun $*: expected one line on stderr"
    # shellcheck disable=SC2053
    [[ "$(cat "$work/err")" == $want_line ]] || fail "ronderun $*: expected '$want_line'"
  fi
}

test_bad_input() {
  expect 2 "ronderun: no program given*"
  expect 2 "ronderun: no program given*" -np 2
  expect 2 "ronderun: say how many ranks*" true
  expect 2 "ronderun: -np: '0' is not*" -np 0 true
  expect 2 "ronderun: -np: 'two' is not*" -np two true
  expect 2 "ronderun: -np: '-1' is not*" -np -1 true
  expect 2 "ronderun: program 'no-such-program' is*PATH" -np 2 no-such-program
  expect 2 "ronderun: program './no-such-program' does not exist" -np 2 ./no-such-program
  expect 2 "ronderun: program '/tmp' is a folder" -np 2 /tmp
  expect 2 "ronderun: flag '--bogus' is unknown*" -np 2 --bogus true
  expect 2 "ronderun: host 'no-such-host.invalid' is unknown*" -np 2 -H no-such-host.invalid true
  expect 2 "ronderun: --hosts: 'localhost:x'*" -np 2 -H localhost:x true
  expect 2 "ronderun: hostfile '$work/none' cannot be read*" -np 2 --hostfile "$work/none" true
  printf 'localhost slots=2\nlocalhost slots=two\n' >"$work/hosts"
  expect 2 "ronderun: hostfile $work/hosts, line 2: 'slots=two'*" \
    -np 2 --hostfile "$work/hosts" true
  expect 2 "ronderun: --timeout-s: 'soon'*" -np 2 --timeout-s soon true
  expect 2 "ronderun: --stop-timeout-s: 'soon'*from 0 to 86400" -np 2 --stop-timeout-s soon true
  RONDE_TIMEOUT_S=soon expect 2 "ronderun: RONDE_TIMEOUT_S: 'soon'*" -np 2 true
  env PATH=/nonexistent "$ronderun" -np 2 /bin/true >"$work/out" 2>"$work/err"
  [ $? = 2 ] && grep -q 'ronderun: mpirun is not in PATH.*openmpi-bin' "$work/err" ||
    fail "without mpirun the line names the package"
}

test_good_runs() {
  expect 0 "" -np 2 true
  expect 0 "" -np 2 -- true
  expect 0 "" -np 2 -H "localhost:2" true
  expect 0 "" -np 2 -H "$host:2" true
  expect 0 "ronderun: note: 3 ranks on 2 slots" -np 3 -H localhost:2 true
  expect 0 "ronderun: note: 99 ranks on * core*" -np 99 --dry-run true
  grep -qi "oversubscribe .* -np 99 " "$work/out" || fail "--dry-run shows no oversubscription"
  # shellcheck disable=SC2016
  run -np 2 --timeout-s 7 sh -c 'echo "$RONDE_LAUNCHED $RONDE_TIMEOUT_S $*"' x -np 3 -- y
  [ "$code" = 0 ] && [ "$(sort -u "$work/out")" = "1 7 -np 3 -- y" ] ||
    fail "arguments and settings reach every rank"
  [ "$(wc -l <"$work/out")" = 2 ] || fail "two ranks run"
}

# A flag for all that a job's command line is made from.
test_command_lines() {
  printf 'np: 3\nhosts: [a:1, b:2]\ntimeout-s: 5\nenv:\n  A: x y\n' >"$work/run.yaml"
  expect 0 "" --config-file "$work/run.yaml" --timeout-s 6 --dry-run true
  grep -q -- " -np 3 -H a:1,b:2 .* -x 'A=x y' -x RONDE_TIMEOUT_S=6 " "$work/out" ||
    fail "flags come from the file, and the command line wins"
  printf 'np: 3\nhosst: a\n' >"$work/run.yaml"
  expect 2 "ronderun: config file $work/run.yaml, line 2: 'hosst' is no flag; did you mean 'hosts'*" \
    --config-file "$work/run.yaml" true
  expect 2 "ronderun: flag '--hots' is unknown; did you mean '--hosts'*" -np 2 --hots a true
  expect 2 "ronderun: --launcher srun needs a Slurm job*" -np 2 --launcher srun true

  fake_mpirun "mpirun (Open MPI) 5.0.8"
  expect 0 "" -np 2 --mpi-home "$work/mpi" --dry-run true
  grep -q "^$work/mpi/bin/mpirun .*--forward-signals SIGURG" "$work/out" ||
    fail "Open MPI 5 gets a command line of its own"
  fake_mpirun "HYDRA build details:"
  expect 2 "ronderun: $work/mpi/bin/mpirun cannot be used*'HYDRA build details:'*Open MPI 4 or 5*" \
    -np 2 --mpi-home "$work/mpi" true
}

# fake_mpirun VERSION: an mpirun in $work/mpi that says it is that.
fake_mpirun() {
  mkdir -p "$work/mpi/bin"
  printf '#!/bin/sh\necho "%s"\n' "$1" >"$work/mpi/bin/mpirun"
  chmod +x "$work/mpi/bin/mpirun"
}

# Slurm's part is played by a script that runs every rank in turn.
test_srun() {
  mkdir -p "$work/slurm"
  cat >"$work/slurm/srun" <<'END'
#!/bin/sh
echo "srun $*" >&2
while [ "${1#--}" != "$1" ]; do shift; done
PMIX_RANK=0 SLURM_NTASKS=2 "$@" && PMIX_RANK=1 SLURM_NTASKS=2 exec "$@"
END
  chmod +x "$work/slurm/srun"
  local job="SLURM_JOB_ID=7 SLURM_JOB_NODELIST=$host SLURM_TASKS_PER_NODE=2 PATH=$work/slurm:$PATH"
  # shellcheck disable=SC2086,SC2016
  env $job "$ronderun" --launcher srun --env A=b,c sh -c 'echo "$PMIX_RANK $A $RONDE_LAUNCHED"' \
    >"$work/out" 2>"$work/err"
  code=$?
  [ "$code" = 0 ] && [ "$(cat "$work/out")" = "0 b,c 1
1 b,c 1" ] || fail "srun starts as many ranks as the job has slots"
  grep -q -- "srun --mpi=pmix --ntasks=2 --distribution=block --cpu-bind=none" "$work/err" ||
    fail "srun's line"
  # shellcheck disable=SC2086
  env $job "$ronderun" --launcher srun sh -c 'exit 3' >"$work/out" 2>"$work/err"
  [ $? = 3 ] && grep -q "^ronderun: rank 0 on $host exited with code 3" "$work/err" ||
    fail "a failed rank is named under srun"
}

test_output() {
  # shellcheck disable=SC2016
  local talk='rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}
    echo "out $rank"; echo "err $rank" >&2; [ -t 1 ] && echo terminal; printf end'
  run -np 2 --output-directory "$work/ranks" --tag-output sh -c "$talk"
  [ "$code" = 0 ] && [ "$(sort "$work/out" | head -3)" = "[0] end
[0] out 0
[0] terminal" ] || fail "lines are tagged with their rank"
  [ "$(sort "$work/err")" = "[0] err 0
[1] err 1" ] || fail "stderr is tagged as well"
  [ "$(cat "$work/ranks/rank.1/stdout")" = "out 1
terminal
end" ] && [ "$(cat "$work/ranks/rank.0/stderr")" = "err 0" ] || fail "every rank has its files"
  expect 3 "ronderun: rank 1 on $host exited with code 3" -np 2 --output-directory "$work/ranks" \
    sh -c "$on_rank_1 && exit 3; sleep 30"
  [ ! -s "$work/ranks/rank.1/stderr" ] || fail "records for ronderun are not in the files"
  expect 2 "ronderun: rank [01] on $host cannot open its files in --output-directory: *" \
    -np 2 --output-directory /proc/ranks true
}

test_start_timeout() {
  SECONDS=0
  expect 1 "ronderun: the job has not started within 1 s: ranks 0*, 1* run but have not initialised\
 Ronde*" -np 2 --start-timeout-s 1 sleep 30
  [ "$SECONDS" -le 8 ] || fail "--start-timeout-s 1 took $SECONDS s"
  # An mpirun that starts nothing.
  fake_mpirun "mpirun (Open MPI) 4.1.4"
  # shellcheck disable=SC2016
  echo '[ "$1" = --version ] || exec sleep 30' >>"$work/mpi/bin/mpirun"
  expect 1 "ronderun: the job has not started within 0.5 s: host localhost: ranks 0, 1 have not\
 been started*" -np 2 -H localhost:2 --mpi-home "$work/mpi" --start-timeout-s 0.5 true
}

test_failing_ranks() {
  expect 3 "ronderun: rank 1 on $host exited with code 3" \
    -np 2 sh -c "$on_rank_1 && exit 3; sleep 30"
  expect 2 "" -np 2 sh -c "$on_rank_1 && exit 2; sleep 30"
  expect 137 "ronderun: rank 1 on $host was killed by signal 9 (Killed)" \
    -np 2 sh -c "$on_rank_1 && kill -9 \$\$; sleep 30"
  expect 143 "ronderun: rank 1 on $host was killed by signal 15 (Terminated)" \
    -np 2 sh -c "$on_rank_1 && kill -15 \$\$; sleep 30"
  # The guard itself is killed: mpirun's own words have to do.
  expect 137 "ronderun: rank 1 on $host was killed by signal 9 (Killed)" \
    -np 2 sh -c "$on_rank_1 && kill -9 \$PPID; sleep 30"
  printf '#!/nonexistent/interpreter\n' >"$work/broken"
  chmod +x "$work/broken"
  expect 127 "ronderun: rank 0 on $host could not start its program: *" -np 1 "$work/broken"
}

test_failing_mpi_ranks() {
  expect 0 "" -np 2 "$mpi_program"
  expect 3 "ronderun: rank 1 on $host exited with code 3" -np 2 "$mpi_program" exit
  expect 1 "ronderun: rank 1 on $host ended without calling MPI_Finalize" -np 2 "$mpi_program" leave
  expect 137 "ronderun: rank 1 on $host was killed by signal 9 (Killed)" -np 2 "$mpi_program" kill
  expect 7 "ronderun: rank 1* 7" -np 2 "$mpi_program" abort
}

# A rank that ignores signals, so that only a kill ends it; its process ids are on stdout.
# shellcheck disable=SC2016
stubborn='trap "" TERM INT; echo $$; sleep 30; sleep 30'

# expect_gone WHAT: none of the processes on stdout is alive.
expect_gone() {
  local pid
  while read -r pid; do
    for _ in $(seq 30); do
      kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$pid/status" || continue 2
      sleep 0.1
    done
    fail "$1: process $pid is left behind"
  done <"$work/out"
}

# Whatever a failed rank has started ends with it, also where its guard was killed.
test_helpers_of_failing_ranks() {
  local ending
  # shellcheck disable=SC2016
  for ending in 'exit 3' 'kill -9 $$' 'kill -9 $PPID'; do
    run -np 2 sh -c "sleep 30 & echo \$!; $on_rank_1 && $ending; sleep 30"
    [ "$code" != 0 ] || fail "$ending: expected a failure"
    expect_gone "$ending"
  done
}

# start_job ARGS...: a job of two ranks in the background ($job), once both have written a line.
start_job() {
  "$ronderun" -np 2 "$@" </dev/null >"$work/out" 2>"$work/err" &
  job=$!
  for _ in $(seq 100); do
    [ "$(wc -l <"$work/out")" = 2 ] && break
    sleep 0.1
  done
  SECONDS=0
}

# interrupt CODE TIMEOUT SIGNAL...: sends the signals to ronderun while a stubborn job runs.
interrupt() {
  local want_code=$1 timeout_s=$2 job signal
  shift 2
  start_job --stop-timeout-s "$timeout_s" sh -c "$stubborn"
  for signal in "$@"; do
    kill "-$signal" "$job"
    sleep 0.2
  done
  wait "$job" 2>/dev/null
  code=$?
  [ "$code" = "$want_code" ] || fail "signals $*: exit code $code, expected $want_code"
  [ "$SECONDS" -le 6 ] || fail "signals $*: took $SECONDS s"
  expect_gone "signals $*"
}

# stop CODE SIGNAL PROGRAM...: a signal while the program waits for one; no rank is a culprit.
stop() {
  local want_code=$1 signal=$2 job
  shift 2
  start_job "$@"
  kill "-$signal" "$job"
  wait "$job" 2>/dev/null
  code=$?
  [ "$code" = "$want_code" ] || fail "stop by $signal: exit code $code, expected $want_code"
  [ "$(head -n 1 "$work/err")" = "ronderun: stopping: ranks have 30 s to save; press Ctrl-C again\
 to end them now" ] || fail "stop by $signal: the first line says what happens"
  [ "$(wc -l <"$work/err")" = 2 ] && grep -q "^ronderun: interrupted by signal" "$work/err" ||
    fail "stop by $signal: the second line is the end"
  [ "$SECONDS" -le 8 ] || fail "stop by $signal: took $SECONDS s"
}

# expect_saved WHAT: both ranks have written their files.
expect_saved() {
  [ -e "$work/saved.0" ] && [ -e "$work/saved.1" ] || fail "$1: a rank could not save"
  rm -f "$work"/saved.*
}

# Ranks that save on SIGTERM, for longer than mpirun itself would let them, and not all equally long.
test_stopping() {
  # shellcheck disable=SC2016
  local saver='rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}
    trap "sleep \$((rank + 2)); touch $0.\$rank; exit 143" TERM
    echo ready; while true; do sleep 30 & wait; done'
  stop 130 INT sh -c "$saver" "$work/saved"
  expect_saved "sh after INT"
  stop 143 TERM sh -c 'echo ready; exec sleep 30'  # does not care for the signal
  [ -z "$mpi_program" ] || stop 130 INT "$mpi_program" save "$work/saved"
  [ -z "$mpi_program" ] || expect_saved "MPI after INT"
}

test_bad_input
test_good_runs
test_command_lines
test_srun
test_output
test_start_timeout
test_failing_ranks
test_helpers_of_failing_ranks
[ -z "$mpi_program" ] || test_failing_mpi_ranks
test_stopping
interrupt 130 1 INT
grep -q "ranks did not end within 1 s" "$work/err" || fail "the end of the patience is said"
interrupt 143 0 TERM
interrupt 130 30 INT INT
interrupt 137 30 KILL
[ "$failures" = 0 ] && echo "all passed"
exit "$((failures > 0))"
