#!/usr/bin/env bash
# A rank that is killed ends the job at once, even under srun, which would let the other ranks run on. The job requeues
# itself and goes on. Ranks that never started also end the job with an error, even if the launcher reports success.
#   lost_rank.sh HEARTH mpirun|srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

id=$("$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --sbatch=--output=run.out \
  -c config.yaml run.dir=run)
until_true 30 has_checkpoint run
kill -KILL "$(pgrep --full --newest "^$hearth train .*run.dir=$work/run ")"
lost_at=$SECONDS
until_true 20 grep -q 'requeued after exit code 69' run.out
echo "the job had ended $((SECONDS - lost_at)) s after its rank"
"$hearth" --quiet train -c config.yaml run.dir=alone
until_true 60 has_ended "$id"
expect "how the job ended" COMPLETED "$(of_job "$id" JobState)"
expect "restarts" 1 "$(of_job "$id" Restarts)"
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"

# This launcher starts nothing and reports success.
mkdir no_launcher
printf '#!/bin/sh\nexit 0\n' > "no_launcher/$launcher"
chmod +x "no_launcher/$launcher"
echo "PATH=$work/no_launcher:\$PATH" > site.env
id=$("$hearth" --quiet launch slurm --launcher "$launcher" --site-env site.env --max-restarts 0 \
  --sbatch=--output=none.out -c config.yaml run.dir=none)
until_true 30 has_ended "$id"
expect "the code of a run that never started" 69:0 "$(of_job "$id" ExitCode)"
grep -q 'the run is not done' none.out || fail "no word of the launcher"
