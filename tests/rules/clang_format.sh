#!/usr/bin/env bash
# Checks that every C++ file is formatted as .clang-format says. It uses the clang-format of Debian 12.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
mapfile -t sources < <(find common storage sampler cluster trainer launch tests bench \
  -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' | sort)
command -v clang-format-14 > /dev/null || { echo "clang-format-14 is not installed: run launch/setup --tests"; exit 1; }
if ! findings=$(clang-format-14 --dry-run -Werror "${sources[@]}" 2>&1); then
  echo "these files are not formatted; put it right with: clang-format-14 -i FILE"
  sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error: .*/  \1/p' <<< "$findings" | sort -u
  exit 1
fi
echo "${#sources[@]} files are formatted"
