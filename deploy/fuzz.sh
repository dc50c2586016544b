#!/usr/bin/env bash
# Fuzzes every target, one after the other, and goes on after a find: fuzz.sh SECONDS [TARGET...]. Exits 1 if any target
# found something. Corpora and finds are kept beside the targets; seeds come from TIERCEL_COMPAT_DIR, if there is one.
set -euo pipefail

readonly seconds=${1:?seconds for each target}
shift
readonly root=$(cd "$(dirname "$0")/.." && pwd)
readonly data=${TIERCEL_COMPAT_DIR:-$root/../shared/data}
# The sanitizer needs switches that only a nightly compiler takes, or one that is told to be one.
export RUSTC_BOOTSTRAP=1

# Longest input. Captures are long because a useful one has blocks of many kinds.
declare -A input_bytes_max=([condition]=4096 [rule_file]=16384 [output]=4096 [scap]=65536)

say() { printf 'fuzz: %s\n' "$*"; }

# Copies what fits of the folders and files given into a corpus; captures are unpacked and cut.
seed() { # seed CORPUS BYTES_MAX FIND_EXPRESSION...
  local corpus=$1 bytes_max=$2 file name
  shift 2
  [ -d "$data" ] || return 0
  while IFS= read -r -d '' file; do
    name=$(printf '%s' "$file" | sha256sum | cut -c -16)
    { gzip -dcf -- "$file" 2>/dev/null || true; } | head -c "$bytes_max" >"$corpus/seed-$name"
  done < <(find "$data" "$@" -type f -print0)
}

failed=()
for target in condition rule_file output scap; do
  [ $# -eq 0 ] || [[ " $* " == *" $target "* ]] || continue
  case $target in scap) crate=$root/node-agent ;; *) crate=$root/detection ;; esac
  corpus=$crate/fuzz/corpus/$target
  mkdir -p "$corpus"
  case $target in
    scap) seed "$corpus" "${input_bytes_max[scap]}" -name '*.scap' ;;
    rule_file) seed "$corpus" "${input_bytes_max[rule_file]}" -name '*.yaml' ;;
    condition | output) ;;
  esac
  say "$target: $seconds s"
  (cd "$crate" && cargo fuzz run "$target" -- -max_total_time="$seconds" -max_len="${input_bytes_max[$target]}" \
    -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=10 -print_final_stats=1) || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { say "found something: ${failed[*]}" >&2; exit 1; }
say "no find"
