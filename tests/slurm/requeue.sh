#!/usr/bin/env bash
# USR2 asks a job to save. The job commits a checkpoint, requeues itself, and ends with the same bits as a run that was
# never interrupted. After MAX_RESTARTS restarts it does not requeue itself again.
#   requeue.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"

# start NAME OPTION...: starts a job of two ranks, waits for a checkpoint, and prints the job's id.
start() {
  local name=$1 id
  shift
  id=$("$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 \
    --sbatch="--output=$name.out" "$@" -c config.yaml run.dir="$name")
  until_true 30 has_checkpoint "$name"
  echo "$id"
}
readonly launcher=$2

id=$(start run)
scancel --signal=USR2 --batch "$id"
"$hearth" --quiet train -c config.yaml run.dir=alone
until_true 60 has_ended "$id"
expect "how the job ended" COMPLETED "$(of_job "$id" JobState)"
expect "restarts" 1 "$(of_job "$id" Restarts)"
grep -q 'USR2 received' run.out || fail "the batch script did not see USR2"
expect "stops with a checkpoint" 1 "$(grep -c 'stopped as asked, with a checkpoint' run.out)"
expect "starts from a checkpoint" 1 "$(grep -c 'resuming from' run.out)"
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"

id=$(start limited --max-restarts 0)
scancel --signal=USR2 --batch "$id"
until_true 30 has_ended "$id"
expect "the code of a job that may not be requeued" 75:0 "$(of_job "$id" ExitCode)"
grep -q 'not requeued: 0 restarts of at most 0' limited.out || fail "no word of the limit"
