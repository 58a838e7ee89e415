# shellcheck shell=bash
# What every verb of ./dev uses: messages, logged steps, paths. Expects ROOT.

# RONDE_CACHE and RONDE_TORCH go to CMake, which runs in other folders: make them absolute.
export RONDE_CACHE=${RONDE_CACHE:-${HOME:?}/.cache/ronde}
[[ $RONDE_CACHE == /* ]] || RONDE_CACHE=$PWD/$RONDE_CACHE
if [[ -n ${RONDE_TORCH:-} ]]; then
  [[ $RONDE_TORCH == /* ]] || RONDE_TORCH=$PWD/$RONDE_TORCH
  export RONDE_TORCH
else
  unset RONDE_TORCH
fi
readonly LOGS=$ROOT/build/logs

say() { printf 'ronde: %s\n' "$*"; }

# Ends with exit code 2: something is to be changed by the caller.
die() {
  printf 'ronde: error: %s\n' "$*" >&2
  exit 2
}

# The environment that holds matplotlib, and libtorch unless RONDE_TORCH names another.
venv_dir() {
  if [[ -n ${RONDE_TORCH:-} ]]; then
    echo "$RONDE_CACHE/venv-plot"
  else
    echo "$RONDE_CACHE/venv-torch-$TORCH_VERSION"
  fi
}
readonly TORCH_VERSION=2.11.0

elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Reports the last line of log $1 every 30 s while this shell lives.
heartbeat() {
  local start=$SECONDS last
  while sleep 30 >/dev/null 2>&1 9>&- && kill -0 $$ 2>/dev/null; do
    last=$(tail -c 2000 "$1" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-80)
    printf '  %s  %s\n' "$(elapsed $((SECONDS - start)))" "$last"
  done
}

# logged NAME LABEL COMMAND...: runs it with its output in build/logs/NAME.log; on failure shows the
# log's end and returns the command's exit code.
logged() {
  local name=$1 label=$2 start=$SECONDS status=0 pulse
  shift 2
  mkdir -p "$LOGS"
  say "$label ..."
  : >"$LOGS/$name.log"
  heartbeat "$LOGS/$name.log" &
  pulse=$!
  # shellcheck disable=SC2064  # the value of now is meant
  trap "kill $pulse 2>/dev/null" EXIT
  # Descriptor 9 is the set-up lock: daemons that a package starts must not keep it.
  "$@" >>"$LOGS/$name.log" 2>&1 </dev/null 9>&- || status=$?
  kill "$pulse" 2>/dev/null || true
  wait "$pulse" 2>/dev/null || true
  trap - EXIT
  if ((status)); then
    tail -n 40 "$LOGS/$name.log" >&2
    printf 'ronde: error: %s failed; all of it is in %s\n' "$label" "$LOGS/$name.log" >&2
  else
    say "$label: done in $(elapsed $((SECONDS - start)))"
  fi
  return "$status"
}

# Free MiB on the file system that holds $1, which need not exist yet.
free_mib() {
  local path=$1
  while [[ ! -d $path ]]; do path=$(dirname "$path"); done
  df -Pm "$path" | awk 'NR == 2 { print $4 }'
}

# require_space PATH MIB WHAT: ends where PATH has less than MIB free.
require_space() {
  local free
  free=$(free_mib "$1")
  ((free >= $2)) || die "$3 needs $2 MiB in $1, and $free MiB are free"
}

# Every source file that git would track, one a line; generated ones lie in build/.
source_files() { # PATTERN...
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    # --deduplicate and -e: a file that is deleted but still tracked is not there to be read.
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" |
      while read -r file; do [[ ! -e $file ]] || echo "$file"; done
  else
    local pattern find_arguments=()
    for pattern in "$@"; do find_arguments+=(-o -name "$pattern"); done
    find . -path './build*' -prune -o -type f \( "${find_arguments[@]:1}" \) -print | sed 's|^\./||'
  fi
}
