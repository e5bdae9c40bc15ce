#!/usr/bin/env bash
# Comments of the rooms say subject, verb, object (docs/architecture.md, "Words"):
#   plain_words.sh [ROOT]
# No sentence of a comment begins with Of, What, Those, Whether or Theirs, no name of the list below is used, and
# question words (what, which, those, whose, where) are at most 7 of 1,000 words in each room. Prints each breach as
# FILE:LINE: what; exits 1 when there is one.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"

readonly rooms=(common storage sampler cluster trainer launch)
for room in "${rooms[@]}"; do
  [ -d "$room" ] || { echo "no room $room/ in $PWD: is this the root of the checkout?" >&2; exit 2; }
done
mapfile -t sources < <(find "${rooms[@]}" -name '*.h' -o -name '*.cc' -o -name '*.cu' | sort)
[ ${#sources[@]} -gt 0 ] || { echo "no source files in $PWD" >&2; exit 2; }

awk '
BEGIN {
  most_question_words = 7  # of 1,000
  name_count = split("See Meet Wishes untold_ Conclude Mix Team CompareNotes TheOneFile", names, " ")
}

function breach(line, text) { printf "%s:%d: %s\n", file, line, text; ++breaches }

# Checks the sentences of the comment that ended.
function end_comment(   rest, sentence, first, i, count, words) {
  rest = comment
  while (rest != "") {
    if (match(rest, /[.!?:;]["\047)]*[ ]+/)) {
      sentence = substr(rest, 1, RSTART + RLENGTH - 1)
      rest = substr(rest, RSTART + RLENGTH)
    } else {
      sentence = rest
      rest = ""
    }
    sub(/^[ *-]+/, "", sentence)
    first = sentence
    sub(/[^A-Za-z].*/, "", first)
    count = gsub(/[A-Za-z\047]+/, "&", sentence)
    if (count < 4) continue
    if (first ~ /^(Of|What|Those|Whether|Theirs)$/ && sentence !~ /\?/)
      breach(comment_line, "a sentence begins with \"" first "\": " substr(sentence, 1, 70))
    word_count[room] += count
    words = tolower(sentence)
    gsub(/[^a-z]+/, " ", words)
    words = " " words " "
    gsub(/ /, "  ", words)
    question_count[room] += gsub(/ (what|which|those|whose|where) /, "", words)
  }
  comment = ""
}

FNR == 1 {
  if (comment != "") end_comment()
  file = FILENAME
  room = FILENAME
  sub(/\/.*/, "", room)
}

{
  code = $0
  if (match($0, /(^|[ \t])\/\/+[\/!]?<?[ ]?/)) {
    text = substr($0, RSTART + RLENGTH)
    code = substr($0, 1, RSTART - 1)
    if (comment == "") comment_line = FNR
    comment = (comment == "") ? text : comment " " text
  } else if (comment != "") {
    end_comment()
  }
  gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
  for (i = 1; i <= name_count; ++i)
    if (code ~ ("(^|[^A-Za-z0-9_])" names[i] "([^A-Za-z0-9_]|$)"))
      breach(FNR, "the name " names[i] " tells nothing")
}

END {
  if (comment != "") end_comment()
  for (room in word_count)
    if (1000 * question_count[room] > most_question_words * word_count[room]) {
      printf "%s/: %.1f question words of 1,000, at most %d\n", room, 1000 * question_count[room] / word_count[room], most_question_words
      ++breaches
    }
  if (breaches) { printf "%d breaches of the rule for plain words (docs/architecture.md)\n", breaches; exit 1 }
}' "${sources[@]}"
echo "the comments of ${#sources[@]} source files are in plain words"
