#!/usr/bin/env bash
# For self-tests of rules, which source it: a tree of their own in $tree, and a count of failures.
set -euo pipefail
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# put FILE LINE...
put() {
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' "${@:2}" > "$tree/$1"
}

# refuses RULE FOLDER WHAT: counts a failure when the rule accepts the folder.
refuses() {
  if "$1" "$2" > /dev/null 2>&1; then
    echo "FAILED: $3 passes"
    failures=$((failures + 1))
  fi
}

# finds RULE TOTAL WHERE FILE: the rule finds one line that begins with WHERE, and counts one ("1 TOTAL").
finds() {
  local output
  if output=$("$1" "$tree"); then
    echo "FAILED: not found: $4: $(cat "$tree/$4")"
  elif [ "$(grep -c "^$3" <<< "$output")" -ne 1 ] || ! grep -q "^1 $2" <<< "$output"; then
    printf 'FAILED: expected one line "%s", got:\n%s\n' "$3" "$output"
  else
    return 0
  fi
  failures=$((failures + 1))
}

# expect PATTERN FILE LINE...: $rule finds the file, planted in a new tree (new_tree), and it alone: in one line that
# begins with "FILE:" and has PATTERN. The rule counts "1 $total".
expect() {
  new_tree
  put "${@:2}"
  finds "${rule:?}" "${total:?}" "$2:.*$1" "$2"
}
