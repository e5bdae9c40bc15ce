#!/usr/bin/env bash
# Lists the test cases of one ctest run, one case a line: passed|failed|skipped TAB name TAB reason.
#   tally.sh BUILD_FOLDER
# ctest's own report, reports/ctest.xml, lists the entries that ran. If an entry left a GoogleTest
# report, reports/ENTRY.xml, its single cases are listed. An entry that failed without a failed case
# (it crashed, ran out of time, or another rank failed) is listed as a failed case itself.
set -euo pipefail
reports=$1/reports
[ -e "$reports/ctest.xml" ] || exit 1

awk -v reports="$reports" -v build="$(basename "$1")" '
function attribute(line, name,   value) {
  if (!match(line, "[ \t]" name "=\"[^\"]*\"")) return ""
  value = substr(line, RSTART, RLENGTH)
  sub(/^[^"]*"/, "", value)
  sub(/"$/, "", value)
  gsub(/&#x0A;|&#xA;|&#10;/, " ", value)
  gsub(/&lt;/, "<", value); gsub(/&gt;/, ">", value); gsub(/&quot;/, "\"", value); gsub(/&apos;/, "\047", value)
  gsub(/&amp;/, "\\&", value)
  sub(/ +$/, "", value)
  return value
}
function note(what, name, reason) { printf "%s\t%s %s\t%s\n", what, build, name, reason }

function end_case() {
  if (case_name != "") note(case_state, case_name, case_reason)
  if (case_name != "" && case_state == "failed") ++failed_cases
  case_name = ""
}
# Lists the cases of a GoogleTest report. Returns false if there is no report.
function list_cases(entry,   file, line, found) {
  file = reports "/" entry ".xml"
  failed_cases = 0
  while ((getline line < file) > 0) {
    found = 1
    if (line ~ /^[ \t]*<testcase /) {
      end_case()
      case_name = entry ": " attribute(line, "classname") "." attribute(line, "name")
      case_state = "passed"
      case_reason = ""
      if (attribute(line, "status") == "notrun") { case_state = "skipped"; case_reason = "disabled" }
    } else if (line ~ /^[ \t]*<failure /) {
      case_state = "failed"
    } else if (line ~ /^[ \t]*<skipped /) {
      case_state = "skipped"
      case_reason = attribute(line, "message")
      sub(/^[^ ]*:[0-9]+ /, "", case_reason)
    }
  }
  close(file)
  end_case()
  return found
}
function end_entry() {
  if (entry == "") return
  if (list_cases(entry)) {
    if (entry_state == "failed" && failed_cases == 0) note("failed", entry, "no single case failed, but the run did; its output is above")
  } else {
    note(entry_state, entry, entry_reason)
  }
  entry = ""
}

/^[ \t]*<testcase / {
  end_entry()
  entry = attribute($0, "name")
  status = attribute($0, "status")
  entry_state = status == "run" ? "passed" : status == "disabled" ? "skipped" : "failed"
  entry_reason = status == "run" ? "" : status
  next
}
/^[ \t]*<failure / { entry_state = "failed"; entry_reason = "it crashed or ran out of time; its output is above" }
/^[ \t]*<skipped / {
  entry_reason = attribute($0, "message")
  if (entry_reason ~ /SKIP_RETURN_CODE|Disabled/) entry_state = "skipped"
}
# A script that skips itself prints the reason.
entry_state == "skipped" && sub(/^([ \t]*<system-out>)?SKIPPED: /, "") {
  sub(/<.*/, "")
  entry_reason = $0
}
END { end_entry() }
' "$reports/ctest.xml"
