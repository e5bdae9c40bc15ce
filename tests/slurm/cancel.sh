#!/usr/bin/env bash
# A cancelled job commits a checkpoint and is not requeued; the same command goes on from there.
#   cancel.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

submit() {
  "$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --sbatch=--output=run.out \
    -c config.yaml run.dir=run
}

id=$(submit)
until_true 30 has_checkpoint run
scancel "$id"
until_true 45 no_job_is_left
expect "how the job ended" CANCELLED "$(of_job "$id" JobState)"
expect "restarts" 0 "$(of_job "$id" Restarts)"
grep -q '"outcome":"stopped"' run/metrics.jsonl || fail "the run did not stop with a checkpoint"

id=$(submit)
until_true 60 has_ended "$id"
expect "how the second job ended" COMPLETED "$(of_job "$id" JobState)"
"$hearth" --quiet train -c config.yaml run.dir=alone
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
