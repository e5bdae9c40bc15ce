#!/usr/bin/env bash
# Cuts a shard short while two ranks have it mapped. The ranks end with a message and the exit code of storage failures,
# and exit.json has both, although the ranks can run no code but a signal handler.
#   cut_shard.sh HEARTH
set -euo pipefail
# shellcheck source=tests/tools/processes.sh
. "$(dirname "$0")/../tools/processes.sh"
command -v mpirun > /dev/null || skip "mpirun is not installed"
job=''
end_all() { [ -z "$job" ] || end KILL "$job"; }

mkdir 'a "quoted" folder' && cd 'a "quoted" folder' # JSON must escape this name
make_data data
cat > config.yaml << 'EOF'
data: {path: data, read: mmap}
run: {dir: run}
tasks: {per_step: 16, chunk: 8}
model: {dim: 4, layers: [4]}
train: {max_steps: 100000000, device: cpu}
checkpoint: {every: 0}
eval: {every: 0}
EOF
mpirun --oversubscribe -np 2 "$hearth" train -c config.yaml > ../job.out 2>&1 &
job=$!
until_true 60 grep -q '"step":20,' run/metrics.jsonl
truncate --size=0 data/train-*.h5
within 20 grep -q message run/exit.json || fail "no exit.json"
code=0; wait "$job" || code=$?
job=''
expect "the code of the job" 74 "$code"
expect "the code in exit.json" 1 "$(grep -c '^  "code": 74,$' run/exit.json)"
grep -qF 'hearth: error: cannot read '"'$work/a \\\"quoted\\\" folder/data/train-0000" run/exit.json ||
  fail "exit.json does not name the shard: $(cat run/exit.json)"
tail -n 1 run/exit.json | grep -q '^}$' || fail "exit.json is not whole: $(cat run/exit.json)"
grep -qF "hearth: error: cannot read '$work/a \"quoted\" folder/data/train-0000" ../job.out || fail "nothing was said"
grep -q '^\[rank [01] on ' ../job.out || fail "no rank was named"
