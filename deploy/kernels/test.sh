#!/usr/bin/env bash
# Boots other kernels than the running one and runs the kernel tests and the agent on them.
#
#   deploy/kernels/test.sh [DEBIAN-PACKAGE...]      default: what linux-image-amd64 depends on
#
# Each kernel is downloaded by apt-get, started in qemu by software emulation with an initial file system made of busybox
# and our own binaries, and must run every test of node-agent/tests/kernel and show the alert of one real act. It has no
# disk and no network; nothing of this machine is touched but target/kernels.
set -euo pipefail

cd "$(dirname "$0")/../.."
readonly work=$PWD/target/kernels
readonly memory_mib=1536
# Emulated, the tests take about a minute; a guest that hangs ends here.
readonly patience_seconds=${TIERCEL_KERNEL_PATIENCE:-900}

say() { printf 'kernels: %s\n' "$*"; }
fail() { printf 'kernels: %s\n' "$*" >&2; exit 1; }

# Path of the newest kernel test binary, built if it is not there.
kernel_tests() {
  cargo test --locked -q -p tiercel-agent --test kernel --no-run --message-format=json |
    jq -r 'select(.executable != null and .target.name == "kernel") | .executable'
}

# Downloads and unpacks a kernel package; prints the folder.
fetch() { # fetch PACKAGE
  local folder=$work/$1
  if [ ! -e "$folder/boot" ]; then
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$1" && dpkg-deb -x ./*.deb . && rm ./*.deb)
  fi
  echo "$folder"
}

# Copies a binary and the libraries that it is linked with.
install_binary() { # install_binary ROOT FILE TARGET
  local library
  install -D "$2" "$1$3"
  strip "$1$3"
  { ldd "$2" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$1$library"; done
}

# Modules that Debian's kernels have outside and the tests need.
install_modules() { # install_modules ROOT KERNEL-FOLDER
  local name
  mkdir -p "$1/modules"
  for name in overlay; do find "$2/lib" -name "$name.ko*" -exec cp {} "$1/modules/" \;; done
}

make_root() { # make_root ROOT KERNEL-FOLDER KERNEL-TESTS
  rm -rf "$1"
  mkdir -p "$1"/{proc,sys,dev,tmp,run,root,var/lib/tiercel,etc/tiercel/rules.d}
  install -D "$(command -v busybox)" "$1/bin/busybox"
  # What the tests execute, where they expect it.
  install_binary "$1" /usr/bin/true /usr/bin/true
  install_binary "$1" /bin/bash /bin/bash
  install_binary "$1" target/debug/tiercel-agent /bin/tiercel-agent
  install_binary "$1" "$3" /bin/kernel-tests
  install_modules "$1" "$2"
  install -m 755 deploy/kernels/guest-init "$1/init"
  cp deploy/kernels/agent.yaml "$1/etc/tiercel/agent.yaml"
  cp detection/rules/*.yaml "$1/etc/tiercel/rules.d/"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:*:19000:0:99999:7:::' >"$1/etc/shadow"
  printf 'tcp 6 TCP\nudp 17 UDP\n' >"$1/etc/protocols"
}

boot() { # boot KERNEL-FOLDER INITRD LOG
  timeout "$patience_seconds" qemu-system-x86_64 -accel tcg -smp 2 -m "$memory_mib" -nographic -no-reboot -nic none \
    -kernel "$(echo "$1"/boot/vmlinuz-*)" -initrd "$2" -append "console=ttyS0 panic=-1 quiet" </dev/null >"$3" 2>&1 ||
    fail "the guest did not power off within $patience_seconds s; see $3"
}

# Everything must have run and held; what failed is shown.
judge() { # judge LOG
  local failed=0
  tr -d '\r' <"$1" | grep -a -E '^(guest:|ok |missing |test result:|SKIPPED|alert:|log:|test .*FAILED)' | cut -c1-200
  grep -a -q 'test result: ok\.' "$1" || failed=1
  grep -a -q 'guest: agent ended with 0' "$1" || failed=1
  grep -a -q '^alert: .*/etc/shadow' "$1" || failed=1
  return "$failed"
}

run() { # run PACKAGE KERNEL-TESTS
  local folder
  say "$1: fetch"
  folder=$(fetch "$1")
  make_root "$folder/root" "$folder" "$2"
  (cd "$folder/root" && find . | cpio -o -H newc --quiet | gzip -1 >"$folder/initrd.gz")
  say "$1: boot"
  boot "$folder" "$folder/initrd.gz" "$folder/console.log"
  judge "$folder/console.log" || fail "$1: not all held; see $folder/console.log"
  say "$1: all held"
}

packages=("$@")
if [ ${#packages[@]} -eq 0 ]; then
  mapfile -t packages < <(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ {print $2}')
fi
[ ${#packages[@]} -gt 0 ] || fail "no kernel package is known: expected names as arguments, or a Debian whose apt-cache knows linux-image-amd64"
cargo build --locked -q -p tiercel-agent
tests=$(kernel_tests)
for package in "${packages[@]}"; do run "$package" "$tests"; done
