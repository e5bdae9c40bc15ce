# launch/setup, launch/quickstart and tests/run source this file. Nobody runs it.

# say STAGE TEXT...: prints one line of progress, with the stage in a column of its own.
say() {
  local stage=$1
  shift
  printf '  %-10s %s\n' "$stage" "$*"
}

# die CODE TEXT...: prints the error on stderr, one line for each argument, and exits. docs/errors.md lists the codes.
die() {
  local code=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit "$code"
}

# Open MPI refuses to start as root unless two variables allow it. By default it also refuses more ranks than cores.
allow_local_mpi() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_rmaps_base_oversubscribe=1
}

# usage FILE: prints the comment block at the top of a script, which is its help.
usage() {
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"
}
