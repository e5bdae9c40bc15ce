#!/usr/bin/env bash
# A node that goes down takes the job with it; Slurm requeues the job under its own id, and when the node is back it
# ends in the bits of a run that was never interrupted.
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
# As on a node that was down for long. Slurm 22.05 takes what is left of the first start for the second: it kills that
# one, or refuses it and drains the node.
until_true 60 no_step_is_left
scontrol update NodeName=localhost State=RESUME
until_true 60 has_ended "$id"
expect "how the job ended" COMPLETED "$(of_job "$id" JobState)"
expect "restarts" 1 "$(of_job "$id" Restarts)"
expect "starts recorded for it" 2 "$(grep -l "\"job_id\": *\"$id\"" run/starts/*.json | wc -l)"
expect "starts from a checkpoint" 1 "$(grep -c 'resuming from' run.out)"
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
