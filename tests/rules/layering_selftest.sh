#!/usr/bin/env bash
# Plants one breach after another in a small tree and expects layering.sh to find each, and nothing else.
set -euo pipefail
rules=$(dirname "$(readlink -f "$0")")
readonly layering=$rules/layering.sh
# shellcheck source=tests/rules/planted_tree.sh
. "$rules/planted_tree.sh"

new_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/docs"
  cat > "$tree/docs/architecture.md" << 'END'
| room | may include | owns |
|---|---|---|
| `common/` | nothing | errors |
| `storage/` | `common` | files |
| `sampler/` | `storage`, `common` | tasks |
| `cluster/` | `common` | ranks |
| `trainer/` | `sampler`, `storage`, `cluster`, `common` | models |
| `launch/` | `trainer`, `sampler`, `storage`, `cluster`, `common` | command |

| room | order |
|---|---|
| `storage/` | `file`, `shard` |
| `trainer/` | `tensor`, `gradient` |
| `launch/` | `config`, `command` |
END
  put common/log.h '#include <string>'
  put storage/file/posix.h '#include "common/log.h"' 'hid_t file = H5Fopen("x");'
  put storage/shard/reader.cc '#include "storage/file/posix.h"' '#include <hdf5.h>'
  put sampler/task.h '#include "storage/shard/reader.h"' '// MPI_Comm is not known here: "rank" is a number'
  put cluster/mpi.cc '#include <mpi.h>' 'MPI_Init(nullptr, nullptr); ncclGroupStart();'
  put trainer/tensor/layout.h '#include <ATen/core/Tensor.h>' 'at::Tensor x;'
  put trainer/gradient/generic.cc '#include "trainer/tensor/layout.h"' 'Throw("MPI_Abort of YAML::Node // H5Dread");'
  put trainer/loop.cc '#include "trainer/gradient/generic.h"' '/* argv, MPI_Send,' 'H5Dread */ int x = 1;'
  put launch/config/keys.cc '#include <yaml-cpp/yaml.h>' 'YAML::Node node;'
  put launch/command/train.cc '#include "launch/config/keys.h"' '#include "trainer/loop.h"'
  put launch/main.cc 'int main(int argc, char** argv) { return 0; }'
}

# expect_breach PATTERN FILE LINE...: the planted file, and it alone, breaks the rule.
expect_breach() {
  new_tree
  put "${@:2}"
  finds "$layering" breaches "$2:[0-9]*: .*$1" "$2"
}

new_tree
"$layering" "$tree" || { echo "FAILED: the clean tree is refused"; failures=1; }

expect_breach 'may not include storage/' common/bad.h '#include "storage/file/posix.h"'
expect_breach 'may not include cluster/' storage/shard/bad.h '#include "cluster/communicator.h"'
expect_breach 'may not include cluster/' sampler/bad.h '#include "cluster/communicator.h"'
expect_breach 'may not include sampler/' cluster/bad.h '  #  include "sampler/task.h"'
expect_breach 'may not include launch/' trainer/bad.cc '#include "launch/config/keys.h"'
expect_breach 'start with the name of a room' launch/bad.cc '#include "tests/tools/fake.h"'
expect_breach 'start with the name of a room' storage/file/bad.cc '#include "posix.h"'
expect_breach 'lies above' storage/file/bad.cc '#include "storage/shard/reader.h"'
expect_breach 'lies above' trainer/tensor/bad.h '#include "trainer/gradient/engine.h"'
expect_breach 'lies above' trainer/tensor/bad.h '#include "trainer/loop.h"'
expect_breach 'lies above' launch/config/bad.h '#include "launch/command/train.h"'
expect_breach 'no place in the order' trainer/novelty/bad.h 'int x;'
expect_breach 'MPI belongs' launch/bad.cc '(void)MPI_Abort(1);'
expect_breach 'MPI belongs' trainer/bad.cc 'Call("x", MPI_COMM_WORLD);  // one'
expect_breach 'NCCL belongs' trainer/bad.cc 'ncclComm_t comm;'
expect_breach 'HDF5 belongs' trainer/bad.cc 'auto file = H5Fopen(path);'
expect_breach 'LibTorch belongs' sampler/bad.h 'at::Tensor rows;'
expect_breach 'YAML belongs' trainer/bad.cc 'YAML::Node node;'
expect_breach 'argv belongs' trainer/bad.cc 'void Parse(char** argv);'
expect_breach 'mpi.h' common/bad.cc '#include <mpi.h>'
expect_breach 'ATen/' cluster/bad.cc '#include <ATen/core/Tensor.h>'
expect_breach 'yaml-cpp/' trainer/bad.cc '#include <yaml-cpp/yaml.h>'

new_tree
rm -r "$tree/storage/file"
refuses "$layering" "$tree" "an order that names a sub-room that is not there"
refuses "$layering" "$tree/nowhere" "a folder that is no checkout"
echo "$failures failures"
[ "$failures" -eq 0 ]
