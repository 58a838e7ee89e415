# shellcheck shell=bash
# ./dev lint: what a reader should not have to look for.

# shellcheck source=scripts/format.sh
source "$ROOT/scripts/format.sh"

readonly LONGEST_FILE=400

help_lint() {
  cat <<HELP
usage: ./dev lint [--tidy [FILE...]]

Checks which folder includes which, the format, that no file exceeds $LONGEST_FILE lines, and shell
scripts where shellcheck is installed. --tidy runs clang-tidy too, on FILEs or else on what differs
from the last commit; it needs a finished ./dev build.
HELP
}

lint_lengths() {
  local file lines status=0
  while read -r file; do
    lines=$(wc -l <"$file")
    if ((lines > LONGEST_FILE)); then
      echo "$file: $lines lines; more than $LONGEST_FILE has two jobs"
      status=1
    fi
  done < <(source_files '*.h' '*.c' '*.cc' '*.cu' '*.py' '*.sh' '*.cmake' CMakeLists.txt)
  return "$status"
}

lint_shell() {
  if command -v shellcheck >/dev/null; then
    shellcheck -x dev .ci/run scripts/*.sh && echo "shellcheck: clean"
  else
    echo "shellcheck: not installed, skipped"
  fi
}

# clang cannot read GCC's precompiled headers: the commands are copied without them.
lint_tidy() { # FILE...
  local files=("$@")
  [[ -f build/compile_commands.json ]] || die "no build/compile_commands.json; run ./dev build"
  ((${#files[@]})) || mapfile -t files < <(
    { git diff --name-only HEAD; git ls-files --others --exclude-standard; } 2>/dev/null |
      grep '\.cc$' | sort -u)
  mkdir -p build/tidy
  sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' build/compile_commands.json \
    >build/tidy/compile_commands.json
  local known=() file
  for file in ${files[@]+"${files[@]}"}; do
    if grep -qF "$ROOT/$file\"" build/tidy/compile_commands.json; then known+=("$file"); fi
  done
  ((${#known[@]})) || { echo "clang-tidy: no file to check"; return 0; }
  printf '%s\0' "${known[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/tidy --quiet --warnings-as-errors='*' \
      2> >(grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' >&2) &&
    echo "clang-tidy: ${#known[@]} files"
}

run_lint() {
  local status=0
  (($# == 0)) || [[ $1 == --tidy ]] || die "lint takes --tidy only; got '$1'"
  .ci/check_layers.py --self-test || status=1
  .ci/check_layers.py || status=1
  run_format --check || status=1
  lint_lengths || status=1
  lint_shell || status=1
  if (($# > 0)); then
    shift
    lint_tidy "$@" || status=1
  fi
  if ((status)); then say "lint: failed"; else say "lint: clean"; fi
  return "$status"
}
