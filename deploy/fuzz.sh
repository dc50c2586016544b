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

# Longest input: what a text of that kind may be, and short enough for some hundred runs a second.
declare -A input_bytes_max=([condition]=4096 [rule_file]=16384 [output]=4096 [scap]=16384)

say() { printf 'fuzz: %s\n' "$*"; }

# Gives a corpus the files that others wrote.
seed() { # seed TARGET CORPUS
  [ -d "$data" ] || return 0
  case $1 in
    scap) find "$data" -name '*.scap' -type f -exec "$root/deploy/fuzz-seeds.py" "$2" {} + ;;
    rule_file) find "$data" -name '*.yaml' -type f -size -16k -exec cp -t "$2" {} + ;;
    condition | output) ;;
  esac
}

failed=()
for target in condition rule_file output scap; do
  [ $# -eq 0 ] || [[ " $* " == *" $target "* ]] || continue
  case $target in scap) crate=$root/node-agent ;; *) crate=$root/detection ;; esac
  corpus=$crate/fuzz/corpus/$target
  mkdir -p "$corpus"
  seed "$target" "$corpus"
  say "$target: $seconds s"
  (cd "$crate" && cargo fuzz run "$target" -- -max_total_time="$seconds" -max_len="${input_bytes_max[$target]}" \
    -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=10 -print_final_stats=1) || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { say "found something: ${failed[*]}" >&2; exit 1; }
say "no find"
