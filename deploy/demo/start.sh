#!/usr/bin/env bash
# One aggregator with its embedded store, one agent, one harmless suspicious act, and what became of it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

free_port() { # free_port WANTED: that port on loopback, or the next free one
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

wait_until() { # wait_until SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

api() { curl -sS --fail --cacert "$demo/certs/ca.pem" --cert "$demo/certs/client-demo.pem" --key "$demo/certs/client-demo.key" "https://localhost:$api_port$1"; }

prepare() {
  [ -x "$bin/tiercel-agent" ] || fail "no binaries in $bin: run 'make demo' (it builds them)"
  mkdir -p "$demo"/{run,log,certs,data,spool,scratch}
  end_all # a second run starts afresh, so that its alerts are not repeats of the first; certificates stay
  rm -rf "$demo"/{scratch,log,data,spool}/*
  ingest_port=$(free_port 5050) raft_port=$(free_port 5051) input_port=$(free_port 2801)
  api_port=$(free_port 2802) status_port=$(free_port 8765) webhook_port=$(free_port 9801)
}

certificates() {
  step "certificates ($demo/certs)"
  [ -e "$demo/certs/ca.pem" ] || "$bin/tiercel-certs" init --dir "$demo/certs" --trust-domain demo
  for who in "aggregator one" "agent $(uname -n)" "client demo"; do
    # shellcheck disable=SC2086 # two words: role and name
    set -- $who
    [ -e "$demo/certs/$1-$2.pem" ] || "$bin/tiercel-certs" issue "$1" "$2" --dir "$demo/certs"
  done
  agent_certificate=$demo/certs/agent-$(uname -n)
  [ -e "$demo/certs/api-token" ] || (umask 077 && head -c 18 /dev/urandom | base64 >"$demo/certs/api-token")
}

webhook() {
  step "webhook sink (stands for your pager) on 127.0.0.1:$webhook_port"
  "$bin/tiercel-loadtest" sink --listen "127.0.0.1:$webhook_port" --file "$demo/log/webhook.jsonl" >"$demo/log/webhook.log" 2>&1 &
  remember webhook $!
}

aggregator() {
  step "aggregator: one node of a Raft cluster of one"
  cat >"$demo/aggregator.yaml" <<YAML
node: {id: 1, name: one}
data: $demo/data
listen: {ingest: 127.0.0.1:$ingest_port, raft: 127.0.0.1:$raft_port, http_input: 127.0.0.1:$input_port, api: 127.0.0.1:$api_port}
tls: {ca: $demo/certs/ca.pem, certificate: $demo/certs/aggregator-one.pem, key: $demo/certs/aggregator-one.key}
cluster:
  bootstrap: true
  members: [{id: 1, raft: "127.0.0.1:$raft_port", ingest: "127.0.0.1:$ingest_port"}]
  heartbeat: 100ms
  election_timeout: {min: 300ms, max: 600ms}
api: {token_file: $demo/certs/api-token}
route:
  receiver: pager
  routes:
    - {match: ["priority <= debug"], receiver: audit, continue: true}
    - {match: ["priority <= debug"], receiver: pager}
receivers:
  - {name: pager, webhook: {url: "http://127.0.0.1:$webhook_port/hook"}}
  - {name: audit, file: {path: $demo/log/audit.jsonl}}
YAML
  "$bin/tiercel-aggregator" run --config "$demo/aggregator.yaml" >"$demo/log/aggregator.log" 2>&1 &
  remember aggregator $!
  wait_until 30 curl -sf "http://127.0.0.1:$input_port/readyz" ||
    fail "the aggregator is not ready after 30 s; its last words: $(tail -n 5 "$demo/log/aggregator.log")"
  say "ready"
}

# The agent sees only what runs in the demo's own cgroup; without cgroup v2, only the process tree of this script.
scope() {
  local mount
  mount=$(cgroup2)
  if [ -n "$mount" ] && mkdir -p "$mount/$cgroup_name" 2>/dev/null; then
    scope_cgroup=$mount/$cgroup_name
    scope_yaml="cgroup: $scope_cgroup"
  else
    scope_cgroup=
    scope_yaml="process_tree: $$"
  fi
}

agent() {
  step "agent"
  scope
  local source="source: kernel" why
  if [ -n "${TIERCEL_DEMO_REPLAY:-}" ] || ! why=$("$bin/tiercel-agent" doctor 2>&1); then
    replayed=yes
    say "this machine cannot load the kernel programs: ${why:-TIERCEL_DEMO_REPLAY is set}"
    say "replaying the bundled recording instead (made by 'tiercel-agent record')"
    source="source: recording"$'\n'"  recording: $root/deploy/demo/demo.tcap"
    scope_yaml=
  fi
  cat >"$demo/agent.yaml" <<YAML
rules: {watch: true}
capture:
  $source
${scope_yaml:+  scope: {$scope_yaml\}}
uplink:
  aggregators: ["127.0.0.1:$ingest_port"]
  server_name: localhost
  tls: {ca: $demo/certs/ca.pem, certificate: $agent_certificate.pem, key: $agent_certificate.key}
  spool: {directory: $demo/spool}
outputs:
  file: {enabled: true, path: $demo/log/alerts.jsonl, format: json}
status: {listen: 127.0.0.1:$status_port}
YAML
  "$bin/tiercel-agent" run --config "$demo/agent.yaml" >"$demo/log/agent.log" 2>&1 &
  remember agent $!
  wait_until 30 curl -sf "http://127.0.0.1:$status_port/readyz" ||
    fail "the agent is not ready after 30 s; its last words: $(tail -n 5 "$demo/log/agent.log")"
  say "ready: $(head -n 1 <<<"$source")${scope_yaml:+, watching only $scope_yaml}"
}

# A harmless intruder: three shells deep, it reads the shadow file into /dev/null, once by name and once through a
# symlink, and runs a copy of true from a directory of its own.
act() {
  [ -z "$replayed" ] || return 0
  step "a harmless intruder reads /etc/shadow (into /dev/null) and tidies up after itself"
  cat >"$demo/scratch/intruder.sh" <<'SH'
[ -z "$SCOPE_CGROUP" ] || echo $$ >"$SCOPE_CGROUP/cgroup.procs"
bash -c 'bash -c "bash -c \"cat /etc/shadow >/dev/null; true\"; true"; true'
ln -s /etc/shadow "$SCRATCH/innocent.txt"
cat "$SCRATCH/innocent.txt" >/dev/null
rm -f "$SCRATCH/innocent.txt"
SH
  SCOPE_CGROUP=$scope_cgroup SCRATCH=$demo/scratch bash "$demo/scratch/intruder.sh" ||
    say "(the intruder could not read /etc/shadow: run as root to see the whole story)"
}

# The id of the oldest alert about the shadow file since the start: the one that was told. Later ones are repeats.
shadow_alert() { api "/api/v1/alerts?text=/etc/shadow&since=$started&limit=50" | jq -er '[.alerts[] | select(.output_fields["fd.name"] == "/etc/shadow")] | last | .id'; }
webhook_called() { grep -q /etc/shadow "$demo/log/webhook.jsonl"; }
operator() { TIERCEL_SERVER=https://localhost:$api_port TIERCEL_CA=$demo/certs/ca.pem TIERCEL_CERT=$demo/certs/client-demo.pem TIERCEL_KEY=$demo/certs/client-demo.key "$bin/tiercelctl" "$@"; }

show() {
  step "the alert, as GET /api/v1/alerts has it"
  wait_until 20 shadow_alert ||
    fail "no alert after 20 s; see $demo/log (agent: $(tail -n 2 "$demo/log/agent.log"))"
  alert_id=$(shadow_alert)
  operator alerts show "$alert_id"
  step "all alerts of this run: the second read is counted as a repeat and sent to nobody"
  operator alerts list --since "$started"
  step "at the webhook"
  wait_until 20 webhook_called || fail "the webhook was not called; see $demo/log/aggregator.log"
  grep -m 1 /etc/shadow "$demo/log/webhook.jsonl" | jq -c '{rule, priority, hostname, time, tiercel}'
  step "in /metrics"
  curl -sf "http://127.0.0.1:$input_port/metrics" | grep '^falco_events{' | head -n 5
  step "counters: nothing lost, nothing sent twice"
  sleep 1 # the agent refreshes its figures once a second
  curl -sf "http://127.0.0.1:$status_port/metrics" | grep -E '^tiercel_agent_(records_received_total|records_lost_total|alerts_made_total|alerts_spooled_total|alerts_acked_total)' | head -n 20
  curl -sf "http://127.0.0.1:$input_port/metrics" | grep -E '^tiercel_aggregator_(notifications_delivered_total|alerts_accepted_total|alerts_outcome_total|ingest_duplicates_total|accounting_imbalance)' | grep -v ' 0$' | head -n 10
}

addresses() {
  step "where things are"
  local watched="only $scope_yaml"
  [ -z "$replayed" ] || watched="nothing: a recording was replayed"
  cat <<TEXT
web page      https://localhost:$api_port/           (token: in $demo/certs/api-token)
REST API      curl --cacert $demo/certs/ca.pem --cert $demo/certs/client-demo.pem --key $demo/certs/client-demo.key https://localhost:$api_port/api/v1/alerts
operator      TIERCEL_SERVER=https://localhost:$api_port TIERCEL_CA=$demo/certs/ca.pem TIERCEL_CERT=$demo/certs/client-demo.pem TIERCEL_KEY=$demo/certs/client-demo.key $bin/tiercelctl alerts list
metrics       http://127.0.0.1:$input_port/metrics (aggregator)   http://127.0.0.1:$status_port/metrics (agent)
Falco input   http://127.0.0.1:$input_port/        (point Falco's http_output here)
logs          $demo/log
watched       $watched
stop          make demo-stop
TEXT
}

replayed=
last_words() {
  step "the alert once more, as Falco would print it"
  api "/api/v1/alerts/$alert_id" | jq -r .output
}

started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
prepare
certificates
webhook
aggregator
agent
act
show
addresses
last_words
