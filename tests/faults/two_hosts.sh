# The tests of links between hosts source this file. Nobody runs it.
#
# Makes two network namespaces, which act as the hosts node-a and node-b, and a link between them: veth-a in $a, veth-b
# in $b. Skips the test if that is not allowed. Also makes a data set.

# shellcheck source=tests/tools/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/processes.sh"
readonly a=hearth-a-$$ b=hearth-b-$$ subnet=10.77.213
job=''

end_all() {
  [ -z "$job" ] || end KILL "$job"
  local space
  for space in "$a" "$b"; do
    ip netns pids "$space" 2> /dev/null | xargs --no-run-if-empty kill -KILL 2> /dev/null || true
    ip netns del "$space" 2> /dev/null || true
  done
}

make_hosts() {
  [ "$(id -u)" = 0 ] || skip "network namespaces need root"
  command -v ip > /dev/null || skip "iproute2 is not installed"
  command -v mpirun > /dev/null || skip "mpirun is not installed"
  ip netns add "$a" 2> /dev/null || skip "network namespaces are not allowed here"
  ip netns add "$b"
  ip link add name veth-a netns "$a" type veth peer name veth-b netns "$b" 2> /dev/null \
    || skip "virtual links are not allowed here"
  ip -n "$a" address add "$subnet.1/24" dev veth-a
  ip -n "$b" address add "$subnet.2/24" dev veth-b
  local space
  for space in "$a" "$b"; do ip -n "$space" link set lo up; done
  ip -n "$a" link set veth-a up
  ip -n "$b" link set veth-b up
  # mpirun calls this agent in place of ssh. It runs the command in the other namespace, under another host name.
  # shellcheck disable=SC2016  # the agent expands it
  printf '#!/bin/sh\nshift\nexec ip netns exec %s unshare --uts sh -c "hostname node-b; $*"\n' "$b" > agent
  chmod +x agent
}

# start_job CONFIG: trains with one rank on each host, in the background. The output goes to job.out. Sets $job.
start_job() {
  ip netns exec "$a" unshare --uts sh -c "hostname node-a; exec \"\$@\"" sh \
    mpirun --host "$subnet.1:1,$subnet.2:1" -np 2 --mca plm_rsh_agent "$work/agent" --mca btl tcp,self \
    --mca btl_tcp_if_include "$subnet.0/24" --mca oob_tcp_if_include "$subnet.0/24" \
    "$hearth" train -c "$work/$1" > job.out 2>&1 &
  job=$!
}

ranks() { # prints the processes of hearth in both namespaces
  local space pid
  for space in "$a" "$b"; do
    for pid in $(ip netns pids "$space"); do
      [ "$(readlink "/proc/$pid/exe" 2> /dev/null)" != "$hearth" ] || echo "$pid"
    done
  done
}

has_trained() { # STEP
  grep -q "\"step\":$1," run/metrics.jsonl
}

make_hosts
make_data data
