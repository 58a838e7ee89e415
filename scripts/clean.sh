# shellcheck shell=bash
# ./dev clean: back to the sources.

help_clean() {
  cat <<HELP
usage: ./dev clean

Removes build*/ of this checkout. Downloads and compiled objects stay in $RONDE_CACHE.
HELP
}

run_clean() {
  (($# == 0)) || die "clean takes no arguments; got '$1'"
  local dir
  for dir in "$ROOT"/build "$ROOT"/build-*; do
    [[ -d $dir ]] || continue
    rm -rf "$dir"
    say "removed $dir"
  done
}
