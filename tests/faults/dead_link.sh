#!/usr/bin/env bash
# A link that goes dead without a word: two network namespaces as hosts, one rank on each. Every rank ends itself in
# time, although neither MPI nor mpirun notices anything.
#   dead_link.sh HEARTH
set -euo pipefail
hearth=$(readlink -f "$1")
readonly hearth limit=3 # seconds, dist.watchdog
readonly a=hearth-a-$$ b=hearth-b-$$ subnet=10.77.213

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*" >&2; cat "$work/job.out" >&2; exit 1; }
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v ip > /dev/null || skip "iproute2 is not installed"
command -v mpirun > /dev/null || skip "mpirun is not installed"
ip netns add "$a" 2> /dev/null || skip "network namespaces are not allowed here"

work=$(mktemp -d)
job=''
cleanup() {
  if [ -n "$job" ]; then
    kill -KILL "$job" 2> /dev/null || true
    wait "$job" 2> /dev/null || true
  fi
  local space
  for space in "$a" "$b"; do
    ip netns pids "$space" 2> /dev/null | xargs --no-run-if-empty kill -KILL 2> /dev/null || true
    ip netns del "$space" 2> /dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

ip netns add "$b"
ip link add name veth-a netns "$a" type veth peer name veth-b netns "$b" 2> /dev/null \
  || skip "virtual links are not allowed here"
ip -n "$a" address add "$subnet.1/24" dev veth-a
ip -n "$b" address add "$subnet.2/24" dev veth-b
for space in "$a" "$b"; do ip -n "$space" link set lo up; done
ip -n "$a" link set veth-a up
ip -n "$b" link set veth-b up

# What mpirun calls in place of ssh: the command runs in the other namespace, under another host name.
cat > "$work/agent" << EOF
#!/bin/sh
shift
exec ip netns exec $b unshare --uts sh -c "hostname node-b; \$*"
EOF
chmod +x "$work/agent"

cd "$work"
"$hearth" data synth --output data --users 60 --items 48 --events-per-user 12 > /dev/null
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
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec "$a" unshare --uts sh -c "hostname node-a; exec \"\$@\"" sh \
  mpirun --host "$subnet.1:1,$subnet.2:1" -np 2 --mca plm_rsh_agent "$work/agent" --mca btl tcp,self \
  --mca btl_tcp_if_include "$subnet.0/24" --mca oob_tcp_if_include "$subnet.0/24" \
  "$hearth" train -c "$work/config.yaml" > job.out 2>&1 &
job=$!

ranks() { # the processes of hearth in both namespaces
  local space pid
  for space in "$a" "$b"; do
    for pid in $(ip netns pids "$space"); do
      [ "$(readlink "/proc/$pid/exe" 2> /dev/null)" != "$hearth" ] || echo "$pid"
    done
  done
}
has_trained() { grep -q '"step":20' run/metrics.jsonl 2> /dev/null; }
is_over() { [ -z "$(ranks)" ]; }
within() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

within 60 has_trained || fail "the two hosts did not train together"
[ "$(ranks | wc -l)" = 2 ] || fail "not one rank on each host: $(ranks)"
begin=$SECONDS
ip -n "$b" link set veth-b down
within $((limit + 10)) is_over || fail "ranks live on $((limit + 10)) s after the link died: $(ranks)"
echo "both ranks ended within $((SECONDS - begin)) s"
grep -q '"code": 69' run/exit.json || fail "no exit.json with code 69"
grep -q "rank 0 on node-a.* nothing moved for $limit s in phase " job.out || fail "rank 0 did not say where it waited"
