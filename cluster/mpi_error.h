#pragma once

#include <string_view>

namespace hearth {

/// Throws CommError with the library's own text when `code`, the return value of an MPI call made
/// for `operation`, is not success.
void CheckMpi(int code, std::string_view operation);

}  // namespace hearth
