# The tests of this folder source this file. Nobody runs it.
#
# Starts a Slurm cluster of this machine alone for one test. The cluster has its own munged, slurmctld and slurmd on
# loopback and free ports, and all its files are in one temporary folder. It needs no root, and it leaves nothing
# behind.
#
# Sets $scripts (launch/slurm) and the variables of tests/tools/processes.sh. Makes a data set and config.yaml, a run of
# 2000 quick steps, in $work. Adds the text of $more_slurm_conf to slurm.conf.

source_folder=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/tools/processes.sh
. "$source_folder/../tools/processes.sh"
command -v slurmctld slurmd munged sbatch > /dev/null || skip "Slurm is not installed here (launch/setup --with-slurm)"
scripts=$(cd "$source_folder/../../launch/slurm" && pwd)
slurm=$work/slurm
readonly source_folder scripts slurm
export HEARTH=$hearth SLURM_CONF=$work/slurm/slurm.conf
export OMPI_MCA_odls_base_sigkill_timeout=2  # the ranks have little to save and need no more time
export OMPI_MCA_mpi_yield_when_idle=1          # other tests use the same cores

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))  # below the ports that the kernel hands out
    if ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
      echo "$port"
      return
    fi
  done
}

write_slurm_conf() {
  cat > "$SLURM_CONF" << EOF
ClusterName=onehost
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CryptoType=crypto/munge
# A requeued job waits until its old credentials have expired.
AuthInfo=socket=$slurm/run/munge.socket,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
TmpFS=$slurm/tmp
SlurmctldPidFile=$slurm/run/slurmctld.pid
SlurmdPidFile=$slurm/run/slurmd.pid
SlurmctldLogFile=$slurm/log/slurmctld.log
SlurmdLogFile=$slurm/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=1
KillWait=30
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=INFINITE State=UP
${more_slurm_conf:-}
EOF
}

start_cluster() {
  mkdir -p "$slurm"/{munge,state,spool,tmp,log,run}
  chmod 0700 "$slurm/munge"
  (umask 077 && head -c 1024 /dev/urandom > "$slurm/munge/key")
  write_slurm_conf
  # The servers are children of the test and not daemons: a test that is killed takes them with it.
  munged --foreground --force --num-threads=2 --key-file="$slurm/munge/key" --seed-file="$slurm/munge/seed" \
    --pid-file="$slurm/run/munged.pid" --socket="$slurm/run/munge.socket" > "$slurm/log/munged.log" 2>&1 &
  servers=($!)
  until_true 20 test -S "$slurm/run/munge.socket"
  slurmctld -D -f "$SLURM_CONF" > /dev/null 2>&1 &
  servers+=($!)
  slurmd -D -f "$SLURM_CONF" > /dev/null 2>&1 &
  servers+=($!)
  until_true 60 node_is_idle
}

node_is_idle() {
  [ "$(sinfo --noheader --format=%t)" = idle ]
}

no_job_is_left() {
  [ -z "$(squeue --noheader)" ]
}

no_step_is_left() {
  ! compgen -G "$slurm/spool/localhost_*" > /dev/null  # each running step has a socket there
}

servers_are_gone() {
  ! kill -0 "${servers[@]}" 2> /dev/null
}

# A step that outlives its job would look for a slurmctld that is gone, and slurmd would wait for the step.
end_all() {
  if [ ${#servers[@]} -eq 3 ]; then
    if ! no_job_is_left; then
      scancel --signal=KILL --full --user="$(id -un)"  # running jobs get no time to save
      scancel --user="$(id -un)"
    fi
    within 20 no_job_is_left && within 10 no_step_is_left || true
  fi
  if [ ${#servers[@]} -gt 0 ]; then
    kill "${servers[@]}" 2> /dev/null
    within 10 servers_are_gone || true
    end KILL "${servers[@]}"
  fi
}

# of_job ID FIELD: prints a field of `scontrol show job`, such as JobState.
of_job() {
  scontrol --oneliner show job "$1" | grep -oP "\\b$2=\\K\\S+"
}

is_waiting() {
  [ "$(of_job "$1" JobState)" = PENDING ]
}

is_running() {
  [ "$(of_job "$1" JobState)" = RUNNING ]
}

has_ended() {
  case $(of_job "$1" JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) ;; *) return 1 ;; esac
}

servers=()
start_cluster
make_data data
cat > config.yaml << 'EOF'
data: {path: data}
tasks: {per_step: 8, chunk: 8}
model: {dim: 4, layers: [4]}
meta: {inner_steps: 1}
train: {max_steps: 2000, device: cpu}
eval: {every: 0}
checkpoint: {every: 100, keep: 3}
EOF
