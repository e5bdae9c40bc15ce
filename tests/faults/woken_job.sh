#!/usr/bin/env bash
# Stops a job for so long that another job takes over its run folder, and then lets it go on. The first job ends with
# code 69 and changes nothing. The run ends with the same bits as a run that was never disturbed.
#   woken_job.sh HEARTH
set -euo pipefail
# shellcheck source=tests/tools/processes.sh
. "$(dirname "$0")/../tools/processes.sh"

old='' new=''
# shellcheck disable=SC2086  # $old and $new are one, two or no process
end_all() { end KILL $old $new; }

make_data data
cat > config.yaml << 'EOF'
data: {path: data}
tasks: {per_step: 16, chunk: 8}
model: {dim: 4, layers: [4]}
train: {max_steps: 6000, device: cpu}
checkpoint: {every: 200}
eval: {every: 1000}
EOF
"$hearth" --quiet train -c config.yaml run.dir=undisturbed

has_begun() { grep -q '"began_after_step": [1-9]' "run/starts/00000$1.json" 2> /dev/null; }
"$hearth" train -c config.yaml run.dir=run > old.out 2>&1 &
old=$!
has_trained() { find run/checkpoints -name 'step-*[1-9]*' 2> /dev/null | grep -qE 'step-[0-9]+$'; }
within 60 has_trained || fail "the first job does not train"
kill -STOP "$old"
begin=$SECONDS
"$hearth" train -c config.yaml run.dir=run > new.out 2>&1 &
new=$!
within 60 has_begun 2 || fail "the second job did not take over"
echo "taken over after $((SECONDS - begin)) s"
kill -CONT "$old"
code=0; wait "$old" || code=$?
old=''
expect "how the job that woke up ended" 69 "$code"
grep -q 'was taken over by another job' old.out || fail "it did not say why"
code=0; wait "$new" || code=$?
new=''
expect "how the other job ended" 0 "$code"
[ ! -e run/exit.json ] || fail "the first job left exit.json in the other one's folder"
expect "the final hash" "$(hash_of undisturbed)" "$(hash_of run)"
