#!/usr/bin/env bash
# Checks the one-direction rule of docs/architecture.md on every source file of the rooms:
#   layering.sh [ROOT]
# The page's tables say what each room may include ("| room | may include |") and how its sub-rooms are
# ordered ("| room | order |"). Prints each breach as FILE:LINE: what; exits 1 when there is one.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"

readonly page=docs/architecture.md
[ -r "$page" ] || { echo "no $page in $PWD: is this the root of the checkout?" >&2; exit 2; }

# table_of HEADING: the rows of a table of the page as "room: name name", from its first two columns.
table_of() {
  awk -F '|' -v heading="$1" '
    { first = $2; second = $3; gsub(/[ 	]+$|^[ 	]+/, "", first); gsub(/[ 	]+$|^[ 	]+/, "", second) }
    first == "room" { wanted = second == heading; next }
    !/^\|/ { wanted = 0 }
    wanted && first ~ /^`[a-z]+\/`$/ {
      gsub(/[`\/]/, "", first); gsub(/[`,]/, "", second); sub(/^nothing$/, "", second)
      print first ":" second
    }' "$page"
}
includes=$(table_of "may include" | paste -s -d ';')
orders=$(table_of order | paste -s -d ';')
readonly includes orders
mapfile -t rooms < <(table_of "may include" | cut -d : -f 1)
if [ -z "$includes" ] || [ -z "$orders" ]; then
  echo "$page has no tables of rooms" >&2
  exit 2
fi
for room in "${rooms[@]}"; do
  [ -d "$room" ] || { echo "no room $room/ in $PWD: is this the root of the checkout?" >&2; exit 2; }
done
while IFS=: read -r room subs; do
  for sub in $subs; do
    [ -d "$room/$sub" ] || { echo "$page orders $room/$sub/, which is not there" >&2; exit 2; }
  done
done < <(table_of order)

mapfile -t sources < <(find "${rooms[@]}" -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' | sort)
[ ${#sources[@]} -gt 0 ] || { echo "no source files in $PWD" >&2; exit 2; }

awk -v includes="$includes" -v orders="$orders" '
BEGIN {
  # Each room may include itself and the rooms of its line.
  count = split(includes, lines, ";")
  for (i = 1; i <= count; ++i) {
    split(lines[i], pair, ":")
    may[pair[1]] = " " pair[1] " " pair[2] " "
  }
  # Each sub-room may include itself and those left of it; files directly in the room are its top.
  count = split(orders, lines, ";")
  for (i = 1; i <= count; ++i) {
    split(lines[i], pair, ":")
    order(pair[1], pair[2])
  }

  # Names that live in a few rooms only: a pattern on the code without comments and literals.
  only("(^|[^A-Za-z0-9_])MPI_[A-Za-z]", "MPI", "cluster")
  only("(^|[^A-Za-z0-9_])nccl[A-Z]", "NCCL", "cluster")
  only("(^|[^A-Za-z0-9_])(H5[A-Z]|hid_t|hsize_t|herr_t)", "HDF5", "storage")
  only("(^|[^A-Za-z0-9_])YAML::", "YAML", "launch")
  only("(^|[^A-Za-z0-9_])(arrow|parquet)::", "Arrow", "columnar")
  only("(^|[^A-Za-z0-9_])argv([^A-Za-z0-9_]|$)", "argv", "launch cluster")
  only("(^|[^A-Za-z0-9_])(at|torch|c10)::", "LibTorch", "trainer launch")

  # The same for system headers.
  header("mpi.h", "cluster"); header("nccl.h", "cluster"); header("hdf5", "storage"); header("H5", "storage")
  header("yaml-cpp/", "launch"); header("CLI/", "launch")
  header("arrow/", "columnar"); header("parquet/", "columnar")
  header("ATen/", "trainer launch"); header("torch/", "trainer launch"); header("c10/", "trainer launch")
}

function order(room, names,   list, count, i) {
  count = split(names, list, " ")
  for (i = 1; i <= count; ++i) rank[room "/" list[i]] = i
  ordered[room] = count
}
function only(pattern, what, where) { patterns[++pattern_count] = pattern; pattern_name[pattern_count] = what; pattern_rooms[pattern_count] = where }
function header(prefix, where) { headers[++header_count] = prefix; header_rooms[header_count] = where }
function breach(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; ++breaches }
function lives_in(room, list) { return index(" " list " ", " " room " ") > 0 }

# The place of a file in the order of its room; above all sub-rooms when it lies in none.
function place(path, room,   parts, name) {
  if (!(room in ordered)) return 0
  if (split(path, parts, "/") < 3) return ordered[room] + 1
  name = room "/" parts[2]
  return (name in rank) ? rank[name] : -1
}

FNR == 1 {
  split(FILENAME, parts, "/")
  room = parts[1]
  here = place(FILENAME, room)
  in_comment = 0
  if (here < 0) breach("sub-room " room "/" parts[2] " has no place in the order of " room "/")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, quoted, "\"")
  path = quoted[2]
  split(path, parts, "/")
  if (!(parts[1] in may)) {
    breach("includes \"" path "\": quoted includes start with the name of a room")
  } else if (!lives_in(parts[1], may[room])) {
    breach(room "/ may not include " parts[1] "/: \"" path "\"")
  } else if (parts[1] == room && place(path, room) > here) {
    breach("\"" path "\" lies above " FILENAME " in the order of " room "/")
  }
  next
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  path = $0
  sub(/^[^<]*</, "", path)
  for (i = 1; i <= header_count; ++i)
    if (index(path, headers[i]) == 1 && !lives_in(room, header_rooms[i]))
      breach("<" headers[i] "…> belongs in " header_rooms[i] " only")
  next
}

{
  code = $0
  gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
  gsub(/\047([^\047\\]|\\.)\047/, "", code)
  if (in_comment) {
    if (!sub(/^.*\*\//, "", code)) next
    in_comment = 0
  }
  sub(/\/\/.*/, "", code)
  gsub(/\/\*[^*]*\*\//, "", code)
  if (sub(/\/\*.*/, "", code)) in_comment = 1
  for (i = 1; i <= pattern_count; ++i)
    if (code ~ patterns[i] && !lives_in(room, pattern_rooms[i]))
      breach(pattern_name[i] " belongs in " pattern_rooms[i] " only")
}

END {
  if (breaches) { printf "%d breaches of the layering rule (docs/architecture.md)\n", breaches; exit 1 }
}' "${sources[@]}"
echo "${#sources[@]} source files keep the layering rule"
