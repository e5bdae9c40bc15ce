#!/usr/bin/env bash
# A job that is stopped for so long that another one takes over its run folder, and then goes on: it ends with code 69
# and changes nothing, and the run ends in the bits of one that was never disturbed.
#   woken_job.sh HEARTH
set -euo pipefail
hearth=$(readlink -f "$1")
readonly hearth

fail() { echo "FAILED: $*" >&2; cat "$work"/*.out >&2; exit 1; }
expect() { [ "$2" = "$3" ] || fail "$1: expected $2, got $3"; }
within() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

work=$(mktemp -d)
old='' new=''
cleanup() {
  local pid
  for pid in $old $new; do kill -KILL "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"

"$hearth" data synth --output data --users 60 --items 48 --events-per-user 12 > /dev/null
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
has_checkpoint() { [ -e run/checkpoints/LATEST ]; }
"$hearth" train -c config.yaml run.dir=run > old.out 2>&1 &
old=$!
within 60 has_checkpoint || fail "the first job does not train"
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
expect "the final hash" "$("$hearth" ckpt hash undisturbed)" "$("$hearth" ckpt hash run)"
