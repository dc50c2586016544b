#!/usr/bin/env bash
# Ends what the demo started, by pid; leaves certificates, spool and logs in .demo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -d "$demo/run" ] || { say "nothing to stop"; exit 0; }
end_all
say "stopped; logs are in $demo/log, delete $demo to forget everything"
