#!/usr/bin/env bash
# A node that goes down takes the job with it. Slurm requeues the job under the same id. When the node is back, the job
# ends with the same bits as a run that was never interrupted.
#   node_down.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

id=$("$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --sbatch=--output=run.out \
  -c config.yaml run.dir=run)
until_true 30 has_checkpoint run
scontrol update NodeName=localhost State=DOWN Reason=test
until_true 60 is_waiting "$id"
"$hearth" --quiet train -c config.yaml run.dir=alone
# Waits until the node looks as if it was down for long. Otherwise Slurm 22.05 takes the rest of the first start for the
# second start, and kills the second one, or refuses it and drains the node.
until_true 60 no_step_is_left
scontrol update NodeName=localhost State=RESUME
until_true 60 has_ended "$id"
expect "how the job ended" COMPLETED "$(of_job "$id" JobState)"
expect "restarts" 1 "$(of_job "$id" Restarts)"
expect "starts recorded for it" 2 "$(grep -l "\"job_id\": *\"$id\"" run/starts/*.json | wc -l)"
expect "starts from a checkpoint" 1 "$(grep -c 'resuming from' run.out)"
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
