#!/usr/bin/env bash
# Plants one comment after another in a small tree and expects plain_words.sh to find the wrong ones, and them alone.
set -euo pipefail
rules=$(dirname "$(readlink -f "$0")")
readonly total=breaches rule=$rules/plain_words.sh
# shellcheck source=tests/rules/planted_tree.sh
. "$rules/planted_tree.sh"

mapfile -t long_comment < <(for _ in {1..40}; do echo '// The model scores the items of a user.'; done)

new_tree() {
  rm -rf "${tree:?}"/*
  put common/log.h '// The log prints a line for each message.' '// What now?'
  put storage/reader.cc 'Throw("Of these rows none is right. What a name: Team");  // Reads a row of the file.'
  put sampler/draw.h '// Draws users. Whether?' 'int Teams; int CompareNotesOf;'
  put cluster/mpi.cu '/// Sends the sums' '/// of the ranks to rank 0.' '' "${long_comment[@]}"
  put trainer/model.h "${long_comment[@]}"
  put launch/command.cc '// Runs the command.' 'int x;'
}

new_tree
"$rule" "$tree" || { echo "FAILED: the clean tree is refused"; failures=1; }

expect '1: a sentence begins with "Of"' storage/bad.h '// Reads rows. Of these rows none is kept.'
expect '2: a sentence begins with "What"' trainer/bad.cc 'int x;' '/// What the model' '/// scores for a user.'
expect '1: a sentence begins with "Those"' cluster/bad.cu 'int x;  // Those are the ranks.'
expect '1: a sentence begins with "Whether"' launch/bad.cc '//!< Whether the run is done.'
expect '2: the name Team' launch/bad.cc '' 'Team team;'
expect '1: the name CompareNotes' sampler/bad.h 'void CompareNotes();'

new_tree
put common/bad.h '// The row, which holds those ids, tells where they are.'
finds "$rule" "$total" 'common/: [0-9.]* question words' common/bad.h

new_tree
rm -r "${tree:?}/sampler"
refuses "$rule" "$tree" "a tree without a room"
refuses "$rule" "$tree/nowhere" "a folder that is no checkout"
echo "$failures failures"
[ "$failures" -eq 0 ]
