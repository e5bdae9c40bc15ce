#pragma once

#include <string_view>

namespace hearth {

/// Throws CommError with the text of the library unless `code`, the return value of an MPI call for
/// `operation`, is success.
void CheckMpi(int code, std::string_view operation);

}  // namespace hearth
