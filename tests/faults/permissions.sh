#!/usr/bin/env bash
# hearth refuses files at once that an ordinary user may not read or write. The message has the path and the user's
# number, and nothing changes. A link in a checkpoint folder under a name of hearth's never leads hearth out of the
# folder.
#   permissions.sh HEARTH
set -euo pipefail
# shellcheck source=tests/tools/processes.sh
. "$(dirname "$0")/../tools/processes.sh"
[ "$(id -u)" = 0 ] || skip "only root can become another user"
command -v setpriv > /dev/null || skip "setpriv (util-linux) is not installed"
readonly user=65533 # no account is needed

as_user() {
  setpriv --reuid="$user" --regid="$user" --clear-groups \
    env HOME="$work/home" XDG_CACHE_HOME="$work/home/.cache" "$@"
}

end_all() {
  ! mountpoint --quiet "$work/read_only" || umount --lazy "$work/read_only"
}

# train WORD...: trains as the user, with the output in train.out. Returns the exit code.
train() {
  as_user "$hearth" train -c config.yaml "$@" > train.out 2>&1
}

# look_of FOLDER: lists the folder, with all visible facts of the checkpoints, and counts the trained steps.
look_of() {
  find "$1" -path '*/starts*' -prune -o -path '*/checkpoints*' -printf '%P %y %m %U %s %T@ %l\n' -o -printf '%P %y\n' | sort
  cat "$1"/*/metrics.jsonl 2> /dev/null | grep -c '"event":"step"' || true
}

# refused CODE PATH WORD...: checks that training ends with the code, gives a reason with the path, and trains no step.
refused() {
  local code=0 begin=$SECONDS before
  before=$(look_of home/runs)
  train "${@:3}" || code=$?
  expect "the code of ${*:3} ($(tail -n 1 train.out))" "$1" "$code"
  expect "messages about $2" 1 "$(grep -cF "$2" train.out)"
  grep -q "uid $user" train.out || fail "no word of the user: $(cat train.out)"
  [ $((SECONDS - begin)) -le 10 ] || fail "it took $((SECONDS - begin)) s to refuse ${*:3}"
  expect "the run folders" "$before" "$(look_of home/runs)"
}

# run_in PATH: copies a finished run of 200 steps there.
run_in() {
  cp --archive finished "$1"
}

# close_to_user PATH...: gives the paths to another user, who lets nobody else in.
close_to_user() {
  chown --recursive 0:0 "$@"
  chmod --recursive go-rwx "$@"
}

chmod 755 .
mkdir home home/runs
make_data home/data
chown --recursive "$user:$user" home
as_user "$hearth" --version > /dev/null 2>&1 || skip "another user cannot start $hearth"
cat > config.yaml << 'EOF'
data: {path: home/data}
tasks: {per_step: 8, chunk: 8}
model: {dim: 4, layers: [4]}
train: {max_steps: 200, device: cpu}
eval: {every: 0}
checkpoint: {every: 100, keep: 3}
EOF
train run.dir=home/runs/finished || fail "an ordinary user cannot train"
mv home/runs/finished finished
train run.dir=home/runs/alone train.max_steps=600 || fail "an ordinary user cannot train"

# The user may not use the folder of a run.
mkdir closed closed/run
refused 77 "$work/closed" run.dir=closed/new
refused 77 "$work/closed/run" run.dir=closed/run
chmod 700 closed
refused 77 "$work/closed/run" run.dir=closed/run
expect "what is in a folder that cannot be written to" closed/run "$(find closed -mindepth 1)"
run_in home/runs/open && chmod 777 home/runs/open
refused 77 "$work/home/runs/open" run.dir=home/runs/open train.max_steps=400
for part in checkpoints checkpoints/step-000200 checkpoints/step-000200/MANIFEST.json starts log.txt metrics.jsonl; do
  run_in home/runs/foreign
  close_to_user "home/runs/foreign/$part"
  refused 77 "$work/home/runs/foreign/$part" run.dir=home/runs/foreign train.max_steps=400
  rm -r home/runs/foreign
done
for part in checkpoints checkpoints/step-000200; do
  run_in home/runs/everybodys && chmod o+w "home/runs/everybodys/$part"
  refused 77 "may be changed by everybody" run.dir=home/runs/everybodys train.max_steps=400
  rm -r home/runs/everybodys
done

# The user may not read the data.
for part in data data/manifest.json data/train-00000.h5; do
  cp --archive home/data home/kept && close_to_user "home/$part"
  refused 77 "home/${part/%data/data\/manifest.json}" run.dir=home/runs/none
  rm -r home/data && mv home/kept home/data
done

# Other commands may not read or write a path.
for words in "config check closed/a.yaml" "data convert --format csv --output home/new --input closed/a.csv" \
  "data convert --format movielens --output home/new --input closed/a" \
  "data convert --format recbole --output home/new --input closed/a" "data validate closed/a" "ckpt list closed/run" \
  "ckpt verify closed/run" "eval --run closed/run" "data synth --output closed/new"; do
  code=0
  # shellcheck disable=SC2086  # $words holds several words of a command
  as_user "$hearth" $words > read.out 2>&1 || code=$?
  expect "the code of $words ($(tail -n 1 read.out))" 77 "$code"
  expect "messages about it ($(cat read.out))" 1 "$(grep -F "closed/" read.out | grep -c "uid $user")"
  [ ! -e home/new ] || fail "$words left something"
done

# The file system became read-only.
run_in home/runs/mounted
mkdir read_only
if mount --bind home/runs read_only 2> /dev/null && mount -o remount,bind,ro read_only 2> /dev/null; then
  refused 77 "'$work/read_only'" run.dir=read_only/new
  refused 77 "'$work/read_only/mounted'" run.dir=read_only/mounted train.max_steps=400
  grep -q 'Read-only file system' train.out || fail "it did not say why: $(cat train.out)"
else
  echo "without a read-only file system: bind mounts are not allowed here"
fi

# The links lead to files that are not hearth's. They have names that hearth reads, removes and writes.
make_canaries() {
  as_user mkdir --parents home/canaries
  cp --archive finished/checkpoints/step-000100/. home/canaries
  as_user sh -c 'echo canary > home/canary'
}
canaries() {
  find home/canary home/canaries -printf '%p %y %m %U %s %T@\n' | sort
  cat home/canary home/canaries/*
}
plant() { # NAME TARGET: makes a link in the checkpoints of the run
  as_user ln --symbolic --no-dereference --force "$2" "home/runs/planted/checkpoints/$1"
}

make_canaries
before=$(canaries | sha256sum)
run_in home/runs/planted
plant step-000100/linked "$work/home/canary"       # hearth prunes this folder
plant step-000050 ../../../canaries                # hearth prunes the oldest checkpoint
plant step-000060.tmp-0123456789abcdef-1 ../../../canaries  # a save that did not finish leaves such a name
plant LATEST.tmp-1-1 ../../../canary
plant LATEST ../../../canary
plant step-000300 ../../../canaries                # hearth is about to write this name
train run.dir=home/runs/planted train.max_steps=600 || fail "planted links stopped the run: $(cat train.out)"
expect "what the links lead to" "$before" "$(canaries | sha256sum)"
expect "the final hash" "$(hash_of home/runs/alone)" "$(hash_of home/runs/planted)"

for part in MANIFEST.json part-00000-of-00001.h5; do
  rm -r home/runs/planted && run_in home/runs/planted
  cp --archive "finished/checkpoints/step-000200/$part" home/canary
  before=$(canaries | sha256sum)
  plant "step-000200/$part" "$work/home/canary"
  train run.dir=home/runs/planted train.max_steps=600 || fail "the older checkpoint was not used: $(cat train.out)"
  grep -q 'resuming from .*(step 100)' train.out || fail "a link was read as $part"
  expect "what the link led to" "$before" "$(canaries | sha256sum)"
  expect "the final hash" "$(hash_of home/runs/alone)" "$(hash_of home/runs/planted)"
done

for log in log.txt metrics.jsonl; do
  rm -r home/runs/planted && run_in home/runs/planted
  plant "../$log" "$work/home/canary"
  code=0; train run.dir=home/runs/planted train.max_steps=600 || code=$?
  expect "the code for $log as a link" 65 "$code"
  expect "what the link led to" "$before" "$(canaries | sha256sum)"
done
