#!/usr/bin/env bash
# If srun starts hearth without PMIx, hearth says so once and ends. It does not train the same run twice.
#   no_pmix.sh HEARTH
set -euo pipefail
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"

for plugin in none pmi2; do
  code=0
  srun --mpi="$plugin" --ntasks=2 "$hearth" train -c config.yaml run.dir=run 2> errors || code=$?
  expect "the code of srun --mpi=$plugin" 64 "$code"
  expect "messages of srun --mpi=$plugin" 1 "$(grep -c 'hearth: error: srun started 2 processes' errors)"
  grep -q -e 'srun --mpi=pmix' errors || fail "no word of the remedy"
done
[ ! -e run ] || fail "a run folder was made"
srun --mpi=none --ntasks=1 "$hearth" --quiet train -c config.yaml run.dir=alone train.max_steps=2 ||
  fail "one task alone does not train"
