# shellcheck shell=bash
# ./dev test: every test that this machine can run, through CTest.

# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"

help_test() {
  cat <<'HELP'
usage: ./dev test [--all] [CTEST ARGS]

Sets up, builds and runs the tests; skipped ones are listed with the reason, and CTest's summary
closes the output. CTest's own arguments may follow, such as -R NAME or -j 1.

  --all   also the long training checks (label `full`), and all unit tests under AddressSanitizer
          with UndefinedBehaviorSanitizer and under ThreadSanitizer
HELP
}

# ThreadSanitizer's memory map fails on kernels that spread addresses widely: switch that off.
test_prefix() { # PRESET
  if [[ $1 == tsan ]] && setarch "$(uname -m)" -R true 2>/dev/null; then
    echo "setarch $(uname -m) -R"
  fi
}

# Runs CTest in the preset's folder; the output is kept for print_summary.
test_preset() { # PRESET CTEST_ARGS...
  local preset=$1 dir prefix status=0
  shift
  dir=$(build_dir "$preset")
  read -ra prefix <<<"$(test_prefix "$preset")"
  say "testing $dir"
  # The whole output of passed tests is kept: it names the cases that skipped themselves.
  ${prefix[@]+"${prefix[@]}"} ctest --test-dir "$dir" --output-on-failure --parallel "$(nproc)" \
    --output-junit ronde-junit.xml --test-output-size-passed 100000000 "$@" </dev/null 2>&1 |
    tee "$LOGS/test-$preset.log" || status=$?
  return "$status"
}

# What did not run, and why.
print_skipped() { # PRESET ALL
  local long
  python3 "$ROOT/scripts/skipped_tests.py" "$(build_dir "$1")/ronde-junit.xml"
  long=$(ctest --test-dir "$(build_dir "$1")" -N -L '^full$' | sed -n 's/^ *Test *#[0-9]*: //p')
  if [[ $2 == 0 && -n $long ]]; then
    printf '  long; ./dev test --all runs them\n    %s\n' "${long//$'\n'/$'\n'    }"
  fi
}

# CTest's lines from "N% tests passed" to the total time, and what failed.
print_summary() { # PRESET
  echo
  say "$(build_dir "$1")"
  sed -n -e '/% tests passed/p' -e '/^Total Test time/p' -e '/The following tests FAILED/,$p' \
    "$LOGS/test-$1.log"
}

run_test() {
  local all=0 argument preset presets=(default) filter=(--label-exclude '^full$') status=0
  local -a arguments=()
  for argument in "$@"; do
    if [[ $argument == --all ]]; then all=1; else arguments+=("$argument"); fi
  done
  if ((all)); then
    presets=(default asan tsan)
    filter=()
  fi

  set_up
  mkdir -p "$LOGS"
  for preset in "${presets[@]}"; do build_preset "$preset"; done
  for preset in "${presets[@]}"; do
    test_preset "$preset" ${filter[@]+"${filter[@]}"} ${arguments[@]+"${arguments[@]}"} || status=1
  done
  for preset in "${presets[@]}"; do print_skipped "$preset" "$all"; done
  for preset in "${presets[@]}"; do print_summary "$preset"; done
  return "$status"
}
