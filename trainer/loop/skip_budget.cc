#include "trainer/loop/skip_budget.h"

namespace hearth {

int64_t SkipBudget::Add(int64_t step, std::vector<int64_t>& skipped_steps) {
  skipped_steps.push_back(step);
  std::erase_if(skipped_steps, [&](int64_t skipped) { return skipped <= step - kWindow; });
  return std::ssize(skipped_steps);
}

}  // namespace hearth
