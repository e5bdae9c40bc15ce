#pragma once

#include <string>

#include "trainer/model/data_binding.h"

namespace hearth {

/// Says how much of a data set a model knows: "4,012 of 4,180 items known, 168 new; ...", with
/// known categories, missing and unused columns of both sides.
std::string BindingText(const DataBinding& data);

}  // namespace hearth
