# shellcheck shell=bash
# The system part of ./dev setup.

readonly DEBIAN_PACKAGES=(
  g++ cmake ninja-build pkgconf ccache
  libopenmpi-dev openmpi-bin libucx-dev libhwloc-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  libspdlog-dev libfmt-dev libcli11-dev libyaml-dev nlohmann-json3-dev
  libflatbuffers-dev flatbuffers-compiler libeigen3-dev zlib1g-dev libturbojpeg0-dev libpng-dev
  python3-venv clang-format clang-tidy dataset-fashion-mnist
  iproute2 # ./dev hosts
)

# Nothing needs these: where others are installed they come along, if the distribution has them;
# without them the build leaves out what they serve.
readonly OPTIONAL_DEBIAN_PACKAGES=(
  libgloo-dev # a peer of ronde-bench
)

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local package installed
  command -v dpkg-query >/dev/null ||
    die "this is not a Debian system; README.md lists what to install before a plain cmake build"
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${DEBIAN_PACKAGES[@]}" \
    2>/dev/null | sed -n 's/^installed //p') || true
  for package in "${DEBIAN_PACKAGES[@]}"; do
    grep -qxF "$package" <<<"$installed" || echo "$package"
  done
}

missing_optional_packages() {
  local package
  for package in "${OPTIONAL_DEBIAN_PACKAGES[@]}"; do
    is_installed "$package" || ! apt-cache show "$package" >/dev/null 2>&1 || echo "$package"
  done
}

missing_packages_are_none() {
  local missing
  missing=$(missing_packages) || exit 2
  [[ -z $missing ]]
}

# Its headers are in /usr/include and would be found before those of the libtorch that we use.
check_no_debian_torch() {
  if command -v dpkg-query >/dev/null && is_installed libtorch-dev; then
    die "Debian's libtorch-dev is installed and too old; remove it: apt-get remove libtorch-dev"
  fi
}

# Prints the prefix that runs a command as root; fails where there is none.
root_prefix() {
  if ((EUID == 0)); then
    echo ""
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    echo "sudo -n"
  elif command -v sudo >/dev/null && [[ -t 0 && -t 2 && -z ${CI:-} ]] && sudo -v; then
    echo "sudo"
  else
    return 1
  fi
}

# MiB to download and MiB once installed, with all that comes along. A simulation needs no root.
apt_sizes() { # PACKAGE...
  local names
  names=$(LC_ALL=C apt-get install --simulate --no-install-recommends "$@" |
    awk '/^Inst / { print $2 }')
  # shellcheck disable=SC2086  # a list of names
  apt-cache show --no-all-versions $names | awk '
    /^Size:/ { download += $2 / 1048576 }
    /^Installed-Size:/ { installed += $2 / 1024 }
    END { printf "%d %d\n", download + 1, installed + 1 }'
}

install_debian_packages() {
  local missing prefix_text prefix download installed
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  if ! prefix_text=$(root_prefix); then
    die "packages are missing and neither root nor sudo is at hand. For an administrator:
  apt-get install --no-install-recommends ${missing[*]}"
  fi
  read -ra prefix <<<"$prefix_text env DEBIAN_FRONTEND=noninteractive"

  say "missing Debian packages: ${missing[*]}"
  logged apt-update "reading the package lists" "${prefix[@]}" apt-get update || exit 2
  mapfile -t -O "${#missing[@]}" missing < <(missing_optional_packages)
  read -r download installed < <(apt_sizes "${missing[@]}")
  say "to fetch: $download MiB of packages ($installed MiB installed)"
  require_space /var/cache/apt "$download" "the download"
  require_space /usr "$((download + installed))" "the installation"
  # An installation that was cut off has to be finished first.
  logged apt-configure "finishing earlier installations" \
    "${prefix[@]}" dpkg --configure -a || exit 2
  logged apt-install "installing ${#missing[@]} Debian packages" \
    "${prefix[@]}" apt-get install -y --no-install-recommends "${missing[@]}" || exit 2
}
