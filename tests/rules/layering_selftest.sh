#!/usr/bin/env bash
# Plants one breach after another in a small tree and expects layering.sh to find each, and nothing else.
set -euo pipefail
rules=$(dirname "$(readlink -f "$0")")
readonly total=breaches rule=$rules/layering.sh
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

new_tree
"$rule" "$tree" || { echo "FAILED: the clean tree is refused"; failures=1; }

expect 'may not include storage/' common/bad.h '#include "storage/file/posix.h"'
expect 'may not include cluster/' storage/shard/bad.h '#include "cluster/communicator.h"'
expect 'may not include cluster/' sampler/bad.h '#include "cluster/communicator.h"'
expect 'may not include sampler/' cluster/bad.h '  #  include "sampler/task.h"'
expect 'may not include launch/' trainer/bad.cc '#include "launch/config/keys.h"'
expect 'start with the name of a room' launch/bad.cc '#include "tests/tools/fake.h"'
expect 'start with the name of a room' storage/file/bad.cc '#include "posix.h"'
expect 'lies above' storage/file/bad.cc '#include "storage/shard/reader.h"'
expect 'lies above' trainer/tensor/bad.h '#include "trainer/gradient/engine.h"'
expect 'lies above' trainer/tensor/bad.h '#include "trainer/loop.h"'
expect 'lies above' launch/config/bad.h '#include "launch/command/train.h"'
expect 'no place in the order' trainer/novelty/bad.h 'int x;'
expect 'MPI belongs' launch/bad.cc '(void)MPI_Abort(1);'
expect 'MPI belongs' trainer/bad.cc 'Call("x", MPI_COMM_WORLD);  // one'
expect 'NCCL belongs' trainer/bad.cc 'ncclComm_t comm;'
expect 'HDF5 belongs' trainer/bad.cc 'auto file = H5Fopen(path);'
expect 'LibTorch belongs' sampler/bad.h 'at::Tensor rows;'
expect 'YAML belongs' trainer/bad.cc 'YAML::Node node;'
expect 'argv belongs' trainer/bad.cc 'void Parse(char** argv);'
expect 'mpi.h' common/bad.cc '#include <mpi.h>'
expect 'ATen/' cluster/bad.cc '#include <ATen/core/Tensor.h>'
expect 'yaml-cpp/' trainer/bad.cc '#include <yaml-cpp/yaml.h>'

new_tree
rm -r "$tree/storage/file"
refuses "$rule" "$tree" "an order that names a sub-room that is not there"
refuses "$rule" "$tree/nowhere" "a folder that is no checkout"
echo "$failures failures"
[ "$failures" -eq 0 ]
