# Shared by the tests of this folder: sourced, never run.
#
# A Slurm cluster of this machine alone, for one test: its own munged, slurmctld and slurmd, on loopback and free
# ports, with everything in one temporary folder. Needs no root, and nothing of it is left at the end.
#
# Sets $hearth, $scripts (launch/slurm) and $work (the folder; also the working directory), and makes in $work a data
# set and config.yaml, a run of 2000 quick steps. What $more_slurm_conf holds is added to slurm.conf.

if ! command -v slurmctld slurmd munged sbatch > /dev/null; then
  echo "SKIPPED: Slurm is not installed here (launch/setup --with-slurm)"
  exit 77
fi
source_root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
hearth=$(readlink -f "${1:?the hearth command}")
scripts=$source_root/launch/slurm
work=$(mktemp -d "${TMPDIR:-/tmp}/hearth_slurm.XXXXXX")
slurm=$work/slurm
readonly source_root hearth scripts work slurm
export HEARTH=$hearth SLURM_CONF=$work/slurm/slurm.conf
export OMPI_MCA_odls_base_sigkill_timeout=2  # a rank with little to save needs no more
export OMPI_MCA_mpi_yield_when_idle=1          # other tests use the same cores
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

fail() {
  exec >&2  # seen also where the output is taken: $(start ...)
  echo "FAILED: $*"
  tail -n 20 "$work"/*.out "$slurm"/log/slurm* 2> /dev/null
  exit 1
}

# expect WHAT WANTED FOUND
expect() {
  [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"
}

# until_true SECONDS COMMAND...: waits for the command to succeed.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $*"
    sleep 0.1
  done
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))  # below the ports that the kernel gives away
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
  # Children of the test, not daemons: a test that is killed takes them with it.
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
  ! compgen -G "$slurm/spool/localhost_*" > /dev/null  # the sockets of what runs on the node
}

servers_are_gone() {
  ! kill -0 "${servers[@]}" 2> /dev/null
}

# A step that outlives its job would keep asking for a slurmctld that is gone, and slurmd would wait for it.
stop_cluster() {
  local end=$((SECONDS + 30))
  if [ ${#servers[@]} -eq 3 ]; then
    if ! no_job_is_left; then
      scancel --signal=KILL --full --user="$(id -un)"  # what runs, without time to save
      scancel --user="$(id -un)"
    fi
    until no_job_is_left && no_step_is_left || [ "$SECONDS" -ge "$end" ]; do sleep 0.1; done
  fi
  if [ ${#servers[@]} -gt 0 ]; then
    kill "${servers[@]}" 2> /dev/null
    end=$((SECONDS + 10))
    until servers_are_gone || [ "$SECONDS" -ge "$end" ]; do sleep 0.1; done
    kill -KILL "${servers[@]}" 2> /dev/null
    wait "${servers[@]}"
  fi
  rm -rf "$work"
}

make_data() {
  "$hearth" --quiet data synth --output data --users 60 --items 48 --events-per-user 12 > /dev/null
  cat > config.yaml << 'EOF'
data: {path: data}
tasks: {per_step: 8, chunk: 8}
model: {dim: 4, layers: [4]}
meta: {inner_steps: 1}
train: {max_steps: 2000, device: cpu}
eval: {every: 0}
checkpoint: {every: 100, keep: 3}
EOF
}

# of_job ID FIELD: a field of `scontrol show job`, such as JobState.
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

# The hash of a run's last checkpoint.
hash_of() {
  "$hearth" ckpt hash "$1"
}

has_checkpoint() {
  [ -e "$1/checkpoints/LATEST" ]
}

cd "$work"
servers=()
trap 'stop_cluster || true' EXIT
start_cluster
make_data
