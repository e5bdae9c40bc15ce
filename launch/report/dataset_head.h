#pragma once

#include <cstdint>
#include <string>

#include "storage/shard/dataset.h"

namespace hearth {

/// The first `task_count` tasks of a part as text, with original ids, titles, labels and, where
/// they exist, times (UTC) and roles: what `hearth data head` prints. At most `event_count` events
/// of each task are shown, then a line counts the rest. Control characters of ids and titles are
/// shown as '?', so that a data set cannot talk to a terminal.
std::string HeadText(const Dataset& dataset, Part part, int64_t task_count, int64_t event_count);

}  // namespace hearth
