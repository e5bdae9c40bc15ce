#!/usr/bin/env bash
# Checks that every shell script passes shellcheck.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
mapfile -t scripts < <(grep -rlIE '^#!.*[/ ](ba)?sh$' launch tests bench .ci)
[ ${#scripts[@]} -gt 0 ] || { echo "no shell scripts found" >&2; exit 1; }
shellcheck --external-sources "${scripts[@]}"
echo "${#scripts[@]} scripts pass shellcheck"
