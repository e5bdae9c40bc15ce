#!/usr/bin/env bash
# Every C++ file is formatted as .clang-format says, by the version Debian 12 ships.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
mapfile -t sources < <(find common storage sampler cluster trainer launch tests bench \
  -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' | sort)
clang-format-14 --dry-run -Werror "${sources[@]}" || {
  echo "put it right with: clang-format-14 -i FILE"
  exit 1
}
echo "${#sources[@]} files are formatted"
