#!/usr/bin/env bash
# A job that must make room for a job of higher priority is requeued under the same id. It ends with the same bits as a
# run that was never interrupted. If its partition grants it time, USR2 tells the job, and the job requeues itself.
# Otherwise it has only the time of a cancelled job, and Slurm requeues it.
#   preemption.sh HEARTH mpirun|srun
set -euo pipefail
readonly low='Nodes=localhost PriorityTier=1 PreemptMode=REQUEUE MaxTime=INFINITE State=UP'
# shellcheck disable=SC2034  # cluster.sh reads it
readonly more_slurm_conf="PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=grace GraceTime=30 $low
PartitionName=at_once GraceTime=0 $low
PartitionName=high Nodes=localhost PriorityTier=2 PreemptMode=OFF MaxTime=INFINITE State=UP"
# shellcheck source=tests/slurm/cluster.sh
. "$(dirname "$0")/cluster.sh"
readonly launcher=$2

# preempt PARTITION: starts a job there, drives it out with another job, and waits until it is back and done. Sets $id.
preempt() {
  local other
  id=$("$hearth" --quiet launch slurm --launcher "$launcher" --ntasks-per-node 2 --partition "$1" \
    --sbatch="--output=$1.out" -c config.yaml run.dir="$1")
  until_true 30 has_checkpoint "$1"
  other=$(sbatch --parsable --partition=high --ntasks=4 --output=/dev/null \
    --wrap "until [ -e $1.may_return ]; do sleep 0.1; done")
  until_true 60 is_running "$other"
  is_waiting "$id" || fail "the job is $(of_job "$id" JobState), not requeued"
  touch "$1.may_return"
  until_true 30 has_ended "$other"
  until_true 60 has_ended "$id"
  expect "how the job in $1 ended" COMPLETED "$(of_job "$id" JobState)"
  expect "its restarts" 1 "$(of_job "$id" Restarts)"
  expect "starts recorded for it" 2 "$(grep -l "\"job_id\": *\"$id\"" "$1"/starts/*.json | wc -l)"
  expect "its final hash" "$(hash_of alone)" "$(hash_of "$1")"
}

# expect_in_both_logs COUNT TEXT RUN: counts the lines with TEXT in the output of the job and in the run's own log.
expect_in_both_logs() {
  expect "times '$2' in $3.out" "$1" "$(grep -c "$2" "$3.out")"
  expect "times '$2' in $3/log.txt" "$1" "$(grep -c "$2" "$3/log.txt")"
}

"$hearth" --quiet train -c config.yaml run.dir=alone

preempt grace
grep -q 'USR2 received' grace.out || fail "the batch script did not see USR2"
grep -q 'requeued after exit code 75' grace.out || fail "the job did not requeue itself"
expect_in_both_logs 2 'ranks on cpu' grace
expect_in_both_logs 1 'stopped as asked, with a checkpoint' grace
stopped_at=$(grep -oP 'with a checkpoint, at step \K\d+' grace/log.txt)
expect_in_both_logs 1 "resuming from .*(step $stopped_at)" grace

preempt at_once
grep -q "preempted JobId=$id has been requeued" "$slurm/log/slurmctld.log" || fail "Slurm did not requeue the job"
expect_in_both_logs 2 'ranks on cpu' at_once
expect_in_both_logs 1 'resuming from' at_once
