#!/usr/bin/env bash
# Installs what building (`setup.sh build`), testing (`setup.sh test`), fuzzing (`setup.sh fuzz`) or checking
# (`setup.sh check`) needs and is missing. Says what it does, asks nothing, changes nothing when everything is there.
set -euo pipefail

readonly purpose=${1:-build}
readonly rust_minimum=1.95

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "needs root to run: $* (no sudo on this machine)"
  fi
}

# The first of the named commands that exists.
first_command() { local name; for name in "$@"; do command -v "$name" >/dev/null && { echo "$name"; return 0; }; done; return 1; }

missing=()
need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null || missing+=("$2")
}

need_packages() {
  need cc build-essential
  need make make
  need curl curl
  need jq jq
  if ! first_command clang-{20,19,18,17,16,15,14} clang >/dev/null; then missing+=(CLANG); fi
  [ -e /usr/include/bpf/bpf_helpers.h ] || missing+=(libbpf-dev)
  if [ "$purpose" = kernels ]; then
    need qemu-system-x86_64 qemu-system-x86
    need cpio cpio
    need busybox busybox-static
  fi
  if [ "$purpose" = test ]; then
    need runc runc
    need podman podman
    need containerd containerd
    need busybox busybox-static
    need nc netcat-openbsd
    need ncat ncat
    need ip iproute2
    need openssl openssl
    need python3 python3
    need unshare util-linux
    need find findutils
  fi
}

install_packages() {
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; this script knows only apt-get (Debian, Ubuntu): install them by hand"
  say "package lists: apt-get update"
  as_root apt-get update -qq
  local packages=() package candidate
  for package in "${missing[@]}"; do
    if [ "$package" = CLANG ]; then
      for candidate in clang-{19,18,17,16,15,14} clang; do
        if apt-cache show "$candidate" >/dev/null 2>&1; then package=$candidate; break; fi
      done
      [ "$package" = clang ] || packages+=("${package/clang/llvm}")
    fi
    packages+=("$package")
  done
  say "installing: ${packages[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
}

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

rust_is_good() {
  command -v cargo >/dev/null && command -v rustc >/dev/null &&
    version_at_least "$(rustc --version | awk '{print $2}')" "$rust_minimum"
}

install_rust() {
  rust_is_good && return 0
  if command -v apt-get >/dev/null && as_root apt-get update -qq && apt-cache show rustup >/dev/null 2>&1; then
    say "installing: rustup and the stable Rust toolchain"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq rustup >/dev/null
    rustup default stable
  elif command -v apt-get >/dev/null && version_at_least "$(apt-cache policy rustc-web | awk '/Candidate/ {print $2}')" "$rust_minimum"; then
    say "installing: rustc-web cargo-web (Debian's current Rust)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq rustc-web cargo-web >/dev/null
  fi
  rust_is_good || fail "needs Rust $rust_minimum or newer; install it from https://rustup.rs and run this again"
}

need_cargo_tool() { # need_cargo_tool SUBCOMMAND CRATE
  cargo "$1" --version >/dev/null 2>&1 && return 0
  say "installing: $2 (cargo install, takes some minutes)"
  cargo install --locked --quiet "$2"
}

need_packages
install_packages
install_rust
case $purpose in
  build | kernels) ;;
  test) need_cargo_tool nextest cargo-nextest ;;
  fuzz) need_cargo_tool fuzz cargo-fuzz ;;
  check) need_cargo_tool deny cargo-deny ;;
  *) fail "unknown purpose '$purpose': expected build, test, fuzz or check" ;;
esac
