#include "trainer/state/model_arrays.h"

#include <cctype>

#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr const char* kParameters = "parameters/";
constexpr const char* kTables = "tables/";

}  // namespace

std::string NumberedName(size_t number, const std::string& name) {
  std::string safe = name;
  for (char& c : safe) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  }
  return fmt::format("{}.{}", number, safe);
}

std::string ParameterArray(size_t number, const std::string& name) {
  return kParameters + NumberedName(number, name);
}

std::string TableArray(size_t number, const std::string& name) {
  return kTables + NumberedName(number, name);
}

std::vector<std::string> ModelArrayNames(const CheckpointReader& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : checkpoint.arrays()) {
    if (name.starts_with(kParameters) || name.starts_with(kTables)) names.push_back(name);
  }
  return names;
}

void RequireRowOrder(const CheckpointReader& checkpoint) {
  const auto& scalars = checkpoint.manifest().scalars;
  if (!scalars.contains(kRowOrderKey) || scalars.at(kRowOrderKey) != kRowOrder) {
    throw DataError(
        "checkpoint '{}' does not keep the rows of tables bucket by bucket, as this hearth does; "
        "use the hearth that wrote it ({}), or train anew",
        checkpoint.path(), checkpoint.manifest().tool_version);
  }
}

const ArraySpec& RequireArray(const CheckpointReader& checkpoint, const std::string& name,
                              const ArraySpec& expected) {
  const ArraySpec& found = checkpoint.Spec(name);
  if (found != expected) {
    throw DataError(
        "checkpoint '{}': array '{}' is {}, but this model needs {}; the configuration or the data "
        "set is not the one it was trained with",
        checkpoint.path(), name, found.ToString(), expected.ToString());
  }
  return found;
}

}  // namespace hearth
