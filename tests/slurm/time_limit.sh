#!/usr/bin/env bash
# Tests a real time limit. Slurm warns the job, and the job saves and requeues itself. It ends with the same bits as a
# run that was never interrupted. The test takes minutes, because no limit is shorter than one minute.
#   time_limit.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

# Computes the number of steps that take about 80 s on this machine at its present load.
begin=$(date +%s%N)
"$hearth" --quiet train -c config.yaml run.dir=pace
steps=$((2000 * 80 * 1000000000 / ($(date +%s%N) - begin)))
readonly steps

# Slurm warns the job 30 s before the end of a minute, or up to a minute earlier.
id=$("$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --sbatch=--output=run.out \
  --sbatch=--time=1 --sbatch=--signal=B:USR2@30 -c config.yaml run.dir=run "train.max_steps=$steps")
until_true 600 has_ended "$id"
expect "how the job ended" COMPLETED "$(of_job "$id" JobState)"
[ "$(of_job "$id" Restarts)" -ge 1 ] || fail "it ended before its time limit: $steps steps were too few"
grep -q 'USR2 received' run.out || fail "the batch script did not see USR2"
"$hearth" --quiet train -c config.yaml run.dir=alone "train.max_steps=$steps"
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"
