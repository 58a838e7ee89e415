# shellcheck shell=bash
# ./dev format: clang-format over the sources.

help_format() {
  cat <<'HELP'
usage: ./dev format [--check]

Formats every source file in place; with --check it changes nothing and fails where it would.
HELP
}

readonly FORMATTED=('*.h' '*.c' '*.cc' '*.cu')

run_format() {
  local -a files
  local report
  (($# == 0)) || [[ $# == 1 && $1 == --check ]] || die "format takes --check only; got '$*'"
  command -v clang-format >/dev/null || die "clang-format is missing; run ./dev setup"
  mapfile -t files < <(source_files "${FORMATTED[@]}")
  ((${#files[@]})) || return 0
  if (($# == 0)); then
    clang-format -i "${files[@]}"
  elif ! report=$(clang-format --dry-run --Werror "${files[@]}" 2>&1); then
    sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error.*/\1: not formatted; run .\/dev format/p' \
      <<<"$report" | sort -u
    return 1
  fi
  echo "format: ${#files[@]} files"
}
