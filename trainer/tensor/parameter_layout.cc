#include "trainer/tensor/parameter_layout.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "common/error.h"

namespace hearth {
namespace {

// 64 bytes of float32: GEMM results on a CPU depend on the alignment of their operands.
constexpr int64_t kAlignmentElements = 16;

}  // namespace

int64_t ParameterLayout::Add(ParameterSpec spec) {
  for (const ParameterSpec& other : specs_) HEARTH_CHECK(other.name != spec.name, "{}", spec.name);
  spec.offset = size_;
  spec.count =
      std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1}, std::multiplies<>());
  size_ += (spec.count + kAlignmentElements - 1) / kAlignmentElements * kAlignmentElements;
  specs_.push_back(std::move(spec));
  return parameter_count() - 1;
}

int64_t ParameterLayout::Find(const std::string& name) const {
  const auto place = std::ranges::find(specs_, name, &ParameterSpec::name);
  return place == specs_.end() ? -1 : place - specs_.begin();
}

int64_t ParameterLayout::element_count() const {
  int64_t count = 0;
  for (const ParameterSpec& spec : specs_) count += spec.count;
  return count;
}

}  // namespace hearth
