#!/usr/bin/env bash
# Finds names of configuration keys that no key has, in the text literals of the rooms below launch/:
#   key_names.sh [ROOT]
# Messages down there name keys (data.path, dist.comm=mpi) that they cannot ask launch/config/keys.cc for. A name
# is SECTION.WORD with a section of that file; behind a '/' or before the end of a file's name it is a file.
# Prints each as FILE:LINE: what; exits 1 when there is one.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"

readonly table=launch/config/keys.cc
[ -r "$table" ] || { echo "no $table in $PWD: is this the root of the checkout?" >&2; exit 2; }
rooms=(common storage sampler cluster trainer)
readonly rooms
for room in "${rooms[@]}"; do
  [ -d "$room" ] || { echo "no room $room/ in $PWD: is this the root of the checkout?" >&2; exit 2; }
done

# The keys: each SectionBuilder names its section, each call on one with a name and a field is a key.
keys=$(awk '
  { text = text " " $0 }
  END {
    while (match(text, /SectionBuilder [a-z_]+\([a-z_]+, "[a-z_]+"|[A-Z][A-Za-z]+\( *"[a-z_0-9]+", *&/)) {
      found = substr(text, RSTART, RLENGTH)
      text = substr(text, RSTART + RLENGTH)
      split(found, quoted, "\"")
      if (found ~ /^SectionBuilder/) { section = quoted[2]; print section "." } else print section "." quoted[2]
    }
  }' "$table")
readonly keys
if [ "$(grep -c '[.].' <<< "$keys")" -eq 0 ]; then
  echo "$table has no keys that this rule can read" >&2
  exit 2
fi

mapfile -t sources < <(find "${rooms[@]}" -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' | sort)
awk -v keys="$keys" '
BEGIN {
  count = split(keys, lines, "\n")
  for (i = 1; i <= count; ++i) {
    if (sub(/\.$/, "", lines[i])) sections = sections (sections == "" ? "" : "|") lines[i]
    else known[lines[i]] = 1
  }
  name = "(" sections ")\\.[A-Za-z][A-Za-z0-9_]*"
  ending = "\\.(h|h5|json|jsonl|log|md|safetensors|sh|txt|yaml)$"
}

# Looks through one literal for names of keys.
function look(literal,   before, found) {
  while (match(literal, name)) {
    before = RSTART == 1 ? "" : substr(literal, RSTART - 1, 1)
    found = substr(literal, RSTART, RLENGTH)
    literal = substr(literal, RSTART + RLENGTH)
    if (before ~ /[A-Za-z0-9_.\/]/ || found in known || found ~ ending) continue
    printf "%s:%d: no configuration key is named %s\n", FILENAME, FNR, found
    ++strangers
  }
}

FNR == 1 { in_comment = 0 }
/^[ \t]*#[ \t]*include/ { next }
{
  code = $0
  if (in_comment) {
    if (!sub(/^.*\*\//, "", code)) next
    in_comment = 0
  }
  while (match(code, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)+\047|\/\/.*|\/\*/)) {
    token = substr(code, RSTART, RLENGTH)
    code = substr(code, RSTART + RLENGTH)
    if (token ~ /^"/) look(token)
    if (token == "/*" && !sub(/^.*\*\//, "", code)) { in_comment = 1; break }
  }
}

END {
  if (strangers) { printf "%d names of keys that launch/config/keys.cc does not have\n", strangers; exit 1 }
}' "${sources[@]}"
echo "${#sources[@]} source files name no configuration key that is not there"
