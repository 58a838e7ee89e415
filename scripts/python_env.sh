# shellcheck shell=bash
# The Python part of ./dev setup: libtorch's wheel and matplotlib, which draws ronde-train's plots.

readonly TORCH_NEEDS_MIB=8192 # the unpacked wheels, and the downloaded ones until then
readonly PLOT_NEEDS_MIB=400

python_requirements() {
  if [[ -n ${RONDE_TORCH:-} ]]; then
    echo "matplotlib"
  else
    echo "torch==$TORCH_VERSION numpy matplotlib"
  fi
}

# What only tests need. Without dependencies: torchvision asks for torch, which is there.
readonly TEST_PACKAGES=(torchvision==0.26.0 safetensors==0.8.0) # torchvision of torch 2.11

test_packages_are_there() {
  local package
  [[ -z ${RONDE_TORCH:-} ]] || return 0 # no Python torch to test against
  for package in "${TEST_PACKAGES[@]}"; do
    compgen -G "$(venv_dir)/lib/python3*/site-packages/${package/==/-}*.dist-info" >/dev/null ||
      return 1
  done
}

# Only ./dev setup tries again after a failure.
test_packages_are_settled() {
  test_packages_are_there ||
    [[ $(cat "$(venv_dir)/ronde-tests.stamp" 2>/dev/null) == "${TEST_PACKAGES[*]}" ]]
}

install_test_packages() {
  test_packages_are_settled && return
  logged pip-tests "installing ${TEST_PACKAGES[*]} for the tests" \
    pip_install "$(venv_dir)" --no-deps "${TEST_PACKAGES[@]}" 2>/dev/null ||
    say "warning: they could not be installed ($LOGS/pip-tests.log); their tests will be skipped"
  echo "${TEST_PACKAGES[*]}" >"$(venv_dir)/ronde-tests.stamp"
}

# The stamp is written last, so that an interrupted set-up is seen as unfinished.
python_env_is_ready() {
  local venv
  venv=$(venv_dir)
  [[ -x $venv/bin/python && $(cat "$venv/ronde.stamp" 2>/dev/null) == "$(python_requirements)" ]]
}

# Ends where RONDE_TORCH is set but is no libtorch >= 2.7.
check_named_torch() {
  local version="" file
  [[ -n ${RONDE_TORCH:-} ]] || return 0
  for file in "$RONDE_TORCH/build-version" "$RONDE_TORCH/version.py"; do
    [[ ! -r $file ]] || version=$(grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' "$file" | head -n 1)
  done
  [[ -n $version && -e $RONDE_TORCH/lib/libtorch_cpu.so ]] ||
    die "RONDE_TORCH=$RONDE_TORCH is not a libtorch folder or Python torch package"
  [[ $(printf '%s\n' 2.7 "$version" | sort -V | head -n 1) == 2.7 ]] ||
    die "RONDE_TORCH=$RONDE_TORCH is libtorch $version; 2.7 or newer is needed"
}

make_venv() { # VENV
  local python=/usr/bin/python3
  [[ -x $python ]] || python=python3
  if [[ -d $1 ]] && ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$1" # interrupted, or its Python is gone
  fi
  [[ -d $1 ]] || "$python" -m venv "$1"
}

import_check() { # VENV
  if [[ -n ${RONDE_TORCH:-} ]]; then
    "$1/bin/python" -c 'import matplotlib'
  else
    "$1/bin/python" -c 'import sys, matplotlib, numpy, torch
sys.exit(torch.__version__.split("+")[0] != sys.argv[1])' "$TORCH_VERSION"
  fi
}

pip_install() { # VENV REQUIREMENT...
  local venv=$1
  shift
  # pip unpacks in TMPDIR; /tmp is often small, and what is in the cache folder is ours to remove.
  mkdir -p "$RONDE_CACHE/tmp"
  TMPDIR=$RONDE_CACHE/tmp "$venv/bin/python" -m pip install --no-input --no-cache-dir \
    --disable-pip-version-check --progress-bar off "$@" && rm -rf "$RONDE_CACHE/tmp"
}

install_python_env() {
  local venv requirements needs=$PLOT_NEEDS_MIB
  python_env_is_ready && return
  venv=$(venv_dir)
  read -ra requirements <<<"$(python_requirements)"

  if ! import_check "$venv" >/dev/null 2>&1; then
    if [[ -z ${RONDE_TORCH:-} ]]; then
      needs=$TORCH_NEEDS_MIB
      say "to fetch: ${requirements[*]} with its CUDA libraries, about 2.5 GiB (5 GiB installed)"
    else
      say "to fetch: ${requirements[*]}, about 60 MiB"
    fi
    require_space "$RONDE_CACHE" "$needs" "the Python environment"
    logged venv "making $venv" make_venv "$venv" || exit 2
    logged pip "installing ${requirements[*]}" pip_install "$venv" "${requirements[@]}" || exit 2
    logged import "checking that it can be imported" import_check "$venv" || exit 2
  fi
  echo "${requirements[*]}" >"$venv/ronde.stamp"
}
