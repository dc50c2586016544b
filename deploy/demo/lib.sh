# Shared by start.sh and stop.sh: where things are, and how to end only what the demo started.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
readonly demo=$root/.demo
readonly bin=${TIERCEL_BIN_DIR:-$root/target/debug}
readonly cgroup_name=tiercel-demo

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# The mount point of cgroup v2, or nothing.
cgroup2() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

# Start time of a process in clock ticks: with the pid it names one process for ever.
start_ticks() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }'; }

remember() { # remember NAME PID
  printf '%s %s\n' "$2" "$(start_ticks "$2")" >"$demo/run/$1.pid"
}

is_running() { # is_running NAME
  local pid ticks
  [ -r "$demo/run/$1.pid" ] || return 1
  read -r pid ticks <"$demo/run/$1.pid"
  [ -n "$ticks" ] && [ "$(start_ticks "$pid")" = "$ticks" ]
}

end() { # end NAME: SIGTERM, wait, and SIGKILL only when it does not end within 15 s
  local pid ticks
  is_running "$1" || { rm -f "$demo/run/$1.pid"; return 0; }
  read -r pid ticks <"$demo/run/$1.pid"
  kill -TERM "$pid" 2>/dev/null
  for _ in $(seq 150); do
    is_running "$1" || { say "stopped $1 (pid $pid)"; rm -f "$demo/run/$1.pid"; return 0; }
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null
  say "killed $1 (pid $pid): it did not end within 15 s"
  rm -f "$demo/run/$1.pid"
}

end_all() {
  end agent
  end aggregator
  end webhook
  local cgroup
  cgroup=$(cgroup2)
  [ -z "$cgroup" ] || [ ! -d "$cgroup/$cgroup_name" ] || rmdir "$cgroup/$cgroup_name" 2>/dev/null || true
}
