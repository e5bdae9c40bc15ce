#!/usr/bin/env bash
# A cancelled job commits a checkpoint and is not requeued. The same command then goes on from the checkpoint. A job
# that was told to save and end is not requeued either, even if its time is up while it saves.
#   cancel.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

# submit RUN
submit() {
  "$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --sbatch="--output=$1.out" \
    -c config.yaml run.dir="$1"
}

id=$(submit told)
until_true 30 has_checkpoint told
scancel --signal=TERM --batch "$id"
until_true 30 grep -q 'TERM received' told.out
scancel --signal=USR2 --batch "$id" || true  # the job may have ended by now
until_true 45 has_ended "$id"
expect "the code of the job that was told to end" 75:0 "$(of_job "$id" ExitCode)"
grep -q 'ended as asked, not requeued' told.out || fail "no word of the end"

id=$(submit run)
until_true 30 has_checkpoint run
scancel "$id"
until_true 45 no_job_is_left
expect "how the job ended" CANCELLED "$(of_job "$id" JobState)"
expect "restarts" 0 "$(of_job "$id" Restarts)"
grep -q '"outcome":"stopped"' run/metrics.jsonl || fail "the run did not stop with a checkpoint"

id=$(submit run)
until_true 60 has_ended "$id"
expect "how the second job ended" COMPLETED "$(of_job "$id" JobState)"
"$hearth" --quiet train -c config.yaml run.dir=alone
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
