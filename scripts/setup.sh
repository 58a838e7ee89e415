# shellcheck shell=bash
# ./dev setup: Debian packages (debian_packages.sh), then the Python environment (python_env.sh).

# shellcheck source=scripts/debian_packages.sh
source "$ROOT/scripts/debian_packages.sh"
# shellcheck source=scripts/python_env.sh
source "$ROOT/scripts/python_env.sh"

help_setup() {
  cat <<HELP
usage: ./dev setup

Installs the Debian packages that are missing (as root or with sudo; else it prints the line for an
administrator), then torch==$TORCH_VERSION and matplotlib into a Python environment in
$RONDE_CACHE, and for tests
${TEST_PACKAGES[*]}
(about $((TORCH_NEEDS_MIB / 1024)) GiB of disk). With RONDE_TORCH=DIR that libtorch is used instead.
HELP
}

run_setup() {
  (($# == 0)) || die "setup takes no arguments; got '$1'"
  rm -f "$(venv_dir)/ronde-tests.stamp"
  set_up
  say "everything is in place: $(venv_dir)"
}

# Silent, and quick, where nothing is missing.
set_up() {
  check_named_torch
  check_no_debian_torch
  if missing_packages_are_none && python_env_is_ready && test_packages_are_settled; then return; fi

  mkdir -p "$RONDE_CACHE" 2>/dev/null || die "cannot create $RONDE_CACHE; set RONDE_CACHE"
  exec 9>"$RONDE_CACHE/setup.lock"
  if ! flock -n 9; then
    say "another set-up is running; waiting for it"
    flock 9
  fi
  install_debian_packages
  install_python_env
  install_test_packages
  exec 9>&-
}
