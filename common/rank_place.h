#pragma once

namespace hearth {

/// The place of one process among the ranks of a job. Plain numbers; nothing here communicates.
struct RankPlace {
  int rank = 0;
  int world_size = 1;
};

}  // namespace hearth
