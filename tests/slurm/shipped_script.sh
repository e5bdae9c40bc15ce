#!/usr/bin/env bash
# Submits a shipped batch script without changes, with its values in the environment. It trains on two ranks and ends
# with the code of the run.
#   shipped_script.sh HEARTH train|train-srun
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly script=$scripts/$2.sbatch

echo "export FROM_SITE=yes" > site.env
CONFIG=config.yaml RUN_DIR=run SITE_ENV=site.env sbatch --wait --quiet --ntasks-per-node=2 --output=good.out \
  "$script" train.max_steps=200 || fail "the job ended with $?"
grep -q 'done at step 200' good.out || fail "no word of the end"
grep -q '"world_size": 2' run/build.json || fail "not one run of two ranks"
"$hearth" --quiet train -c config.yaml run.dir=alone train.max_steps=200
expect "the final hash" "$(hash_of alone)" "$(hash_of run)"

# A fault of the user ends the job. Another start would fail, too.
code=0
CONFIG=config.yaml RUN_DIR=bad sbatch --wait --quiet --ntasks-per-node=2 --output=bad.out \
  "$script" meta.inner_step=2 || code=$?
expect "the code of a bad configuration" 78 "$code"
expect "lines about the unknown key" 1 "$(grep -c "unknown key 'meta.inner_step'" bad.out)"

# A job without a required value is refused.
code=0
RUN_DIR=run sbatch --wait --quiet --output=unset.out "$script" || code=$?
[ "$code" -ne 0 ] || fail "a job without CONFIG was taken"
grep -q 'CONFIG: set it to the configuration file' unset.out || fail "no word of CONFIG"
