#!/usr/bin/env bash
# Takes down the link between two hosts (network namespaces) with one rank each. No error is reported, and neither MPI
# nor mpirun notices anything. Every rank still ends itself in time.
#   dead_link.sh HEARTH
set -euo pipefail
# shellcheck source=tests/faults/two_hosts.sh
. "$(dirname "$0")/two_hosts.sh"
readonly limit=3 # seconds, dist.watchdog

cat > config.yaml << EOF
data: {path: data}
run: {dir: run}
tasks: {per_step: 16, chunk: 8}
model: {dim: 4, layers: [4]}
train: {max_steps: 100000000, device: cpu}
checkpoint: {every: 0}
eval: {every: 0}
dist: {watchdog: ${limit}s}
EOF
start_job config.yaml
is_over() { [ -z "$(ranks)" ]; }

within 60 has_trained 20 || fail "the two hosts did not train together"
[ "$(ranks | wc -l)" = 2 ] || fail "not one rank on each host: $(ranks)"
begin=$SECONDS
ip -n "$b" link set veth-b down
within $((limit + 10)) is_over || fail "ranks live on $((limit + 10)) s after the link died: $(ranks)"
echo "both ranks ended within $((SECONDS - begin)) s"
grep -q '"code": 69' run/exit.json || fail "no exit.json with code 69"
grep -q "rank 0 on node-a.* nothing moved for $limit s in phase " job.out || fail "rank 0 did not say where it waited"
