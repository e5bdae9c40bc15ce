# Shared by the shell tests that start real processes: sourced, never run.
#
# Sets $hearth (the command, the test's first argument) and $work: a temporary folder, the working directory, removed at
# the end. A test that has started something defines end_all, which ends it.

hearth=$(readlink -f "${1:?the hearth command}")
work=$(mktemp -d "${TMPDIR:-/tmp}/hearth_test.XXXXXX")
readonly hearth work
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

skip() {
  echo "SKIPPED: $*"
  exit 77
}

fail() {
  exec >&2  # seen also where the output is taken: $(start ...)
  echo "FAILED: $*"
  tail -n 20 "$work"/*.out "$work"/slurm/log/slurm* 2> /dev/null
  exit 1
}

# expect WHAT WANTED FOUND
expect() {
  [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"
}

# within SECONDS COMMAND...: waits for the command to succeed; whether it has.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# until_true SECONDS COMMAND...: waits for the command to succeed.
until_true() {
  within "$@" || fail "waited in vain for: ${*:2}"
}

# end SIGNAL PROCESS...: children of the test, which may be gone already.
end() {
  kill -s "$1" "${@:2}" 2> /dev/null || true
  wait "${@:2}" 2> /dev/null || true
}

# make_data FOLDER
make_data() {
  "$hearth" --quiet data synth --output "$1" --users 60 --items 48 --events-per-user 12 > /dev/null
}

# The hash of a run's last checkpoint.
hash_of() {
  "$hearth" ckpt hash "$1"
}

has_checkpoint() {
  [ -e "$1/checkpoints/LATEST" ]
}

end_all() { :; }

trap 'end_all || true; rm -rf "$work"' EXIT
cd "$work"
