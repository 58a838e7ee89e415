# shellcheck shell=bash
# ./dev build: cmake with a preset, then ninja.

# shellcheck source=scripts/setup.sh
source "$ROOT/scripts/setup.sh"

readonly PRESETS="default debug asan tsan cuda"

help_build() {
  cat <<HELP
usage: ./dev build [PRESET]

Sets up, configures where needed and compiles. PRESET is one of: $PRESETS.
default goes to build/, another to build-PRESET/; programs are in its bin/.
HELP
}

build_dir() { # PRESET
  if [[ $1 == default ]]; then echo build; else echo "build-$1"; fi
}

# One job a core, but no more than memory carries: a file with torch's headers takes 2 GiB.
job_count() {
  local cores available limit
  cores=$(nproc)
  available=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit != max ]] && ((limit >> 30 < available)); then available=$((limit >> 30)); fi
  echo $((available / 2 < 1 ? 1 : available / 2 < cores ? available / 2 : cores))
}

configure() { # PRESET
  local dir arguments
  dir=$(build_dir "$1")
  arguments=(
    --preset "$1"
    "-DRONDE_PYTHON=$(venv_dir)/bin/python"
    "-DRONDE_TORCH=${RONDE_TORCH:-}"
  )
  # Ninja itself runs cmake again when a CMake file changes.
  local stamp=$dir/ronde.configured
  if [[ -f $dir/build.ninja && $(cat "$stamp" 2>/dev/null) == "${arguments[*]}" ]]; then return; fi
  logged "configure-$1" "configuring $dir" cmake "${arguments[@]}" || exit 1
  echo "${arguments[*]}" >"$stamp"
}

# Says nothing where nothing is to be done.
compile() { # PRESET
  local dir
  dir=$(build_dir "$1")
  if ninja -C "$dir" -n 2>/dev/null | grep -qx 'ninja: no work to do.'; then return; fi
  logged "build-$1" "compiling into $dir" cmake --build "$dir" --parallel "$(job_count)" || exit 1
}

build_preset() { # PRESET
  configure "$1"
  compile "$1"
}

run_build() {
  local preset=${1:-default}
  [[ " $PRESETS " == *" $preset "* ]] || die "unknown preset '$preset'; one of: $PRESETS"
  (($# <= 1)) || die "build takes one preset; got '$2' too"
  set_up
  build_preset "$preset"
  say "programs are in $(build_dir "$preset")/bin"
}
