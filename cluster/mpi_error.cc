#include "cluster/mpi_error.h"

#include <array>

#include <mpi.h>

#include "common/error.h"

namespace hearth {

void CheckMpi(int code, std::string_view operation) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw CommError("{}: MPI failed: {}", operation, std::string_view(text.data(), length));
}

}  // namespace hearth
