#!/usr/bin/env bash
# Slows down the link between two hosts while they train. The steps then take a large share of dist.watchdog, but this
# is no reason to end. When the link is fast again, the run ends with the same bits as a run that was never disturbed.
#   slow_link.sh HEARTH
set -euo pipefail
# shellcheck source=tests/faults/two_hosts.sh
. "$(dirname "$0")/two_hosts.sh"
command -v tc > /dev/null || skip "tc (iproute2) is not installed"
readonly limit=3 # seconds, dist.watchdog

cat > config.yaml << EOF
data: {path: data}
run: {dir: run}
tasks: {per_step: 16, chunk: 8}
model: {dim: 4, layers: [4]}
train: {max_steps: 3000, device: cpu}
checkpoint: {every: 0}
eval: {every: 0}
dist: {watchdog: ${limit}s}
log: {metrics_every: 1}
EOF
slow_down() {
  tc -n "$a" qdisc add dev veth-a root tbf rate 64kbit burst 2kb limit 1mb \
    && tc -n "$b" qdisc add dev veth-b root tbf rate 64kbit burst 2kb limit 1mb
}
speed_up() {
  tc -n "$a" qdisc del dev veth-a root
  tc -n "$b" qdisc del dev veth-b root
}
last_step() { grep -oP '"event":"step","step":\K\d+' run/metrics.jsonl | tail -n 1; }
is_slow() { # the last step took more than a tenth of the limit
  grep '"event":"step"' run/metrics.jsonl | tail -n 1 | grep -oP '"step_sec":\K[^,]+' \
    | awk -v limit="$limit" '{ exit !($1 > limit / 10) }'
}
has_reached() { [ "$(last_step)" -ge "$1" ]; }

slow_down 2> tc.out || skip "tbf is not allowed here: $(head -n 1 tc.out)"
speed_up
start_job config.yaml
within 60 has_trained 20 || fail "the two hosts did not train together"
slow_down
within 30 is_slow || fail "the link did not slow the steps down; at step $(last_step)"
from=$(last_step)
within 60 has_reached $((from + 10)) || fail "10 slow steps were not done; at step $(last_step)"
slowest=$(grep -oP '"step_sec":\K[^,]+' run/metrics.jsonl | sort -g | tail -n 1)
echo "slow from step $from on; the slowest took $slowest s, with a limit of $limit s"
speed_up
code=0; wait "$job" || code=$?
job=''
expect "how the job ended" 0 "$code"
[ ! -e run/exit.json ] || fail "it left exit.json"
"$hearth" --quiet train -c config.yaml run.dir=alone
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
