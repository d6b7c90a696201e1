# What the scripts of this folder share. Source it; it leaves the caller in the project's root folder.
# shellcheck shell=bash

script=scripts/$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
mkdir -p build/logs

say() { printf '\n== %s\n' "$1"; }
fail() { echo "$script: $1" >&2; exit 1; }

# step LOG COMMAND…: the output goes to build/logs/LOG.log; now and then a line tells how far a build is.
step() {
  "${@:2}" </dev/null 2>&1 | tee "build/logs/$1.log" | show_progress
}

show_progress() {
  local line shown=$SECONDS
  while IFS= read -r line; do
    if [[ $line =~ ^\[[0-9]+/[0-9]+\] ]] && ((SECONDS - shown >= 20)); then
      printf '   %s\n' "${line:0:110}"
      shown=$SECONDS
    fi
  done
}

# The part of a failed step's log that says what is wrong.
show_failure() { # LOG
  local log=build/logs/$1.log
  grep -m 1 -A 40 -E '^(FAILED:|CMake Error|E: )' "$log" >&2 || tail -n 40 "$log" >&2
}

# install_packages LIST…: installs what is missing of the lists that scripts/packages names.
install_packages() {
  local list wanted=() missing=() names package
  for list in "$@"; do
    read -ra names <<<"$(sed -n "s/^$list: //p" scripts/packages)"
    wanted+=("${names[@]}")
  done
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "this is no Debian-like system; install what scripts/packages names in its lines '$*', and run again."
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID)); then
    command -v sudo >/dev/null ||
      fail "packages are missing and there is no sudo; as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  # A run level at which no server is started by being installed: nginx is there for tests, which start it themselves.
  say "Installing ${#missing[@]} packages${as_root:+ (with sudo)}: ${missing[*]}"
  if ! { step apt-update "${as_root[@]}" apt-get update -q &&
    step apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -q -y --no-install-recommends "${missing[@]}"; }; then
    tail -n 5 build/logs/apt-update.log build/logs/apt-install.log >&2 2>/dev/null || true
    fail "apt-get could not install the packages; mend the package sources and run again (whole output: build/logs)."
  fi
}

build() { # PRESET [CMAKE-OPTION…]: everything, or ${build_target} alone
  say "Configuring build/$1"
  if ! step "$1-configure" cmake --preset "$@"; then
    show_failure "$1-configure"
    fail "CMake could not configure build/$1; mend the fault above and run again (all: build/logs/$1-configure.log)."
  fi
  say "Building build/$1 (the first time takes some minutes)"
  if ! step "$1-build" cmake --build "build/$1" ${build_target:+--target "$build_target"}; then
    show_failure "$1-build"
    fail "the build failed; mend the first error above and run again (whole output: build/logs/$1-build.log)."
  fi
}
