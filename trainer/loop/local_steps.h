#pragma once

#include <cstdint>

#include "cluster/communicator.h"
#include "trainer/optimize/dense_optimizer.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Lets ranks step alone for a while (dist.local_steps): for links so slow that meeting in every
/// outer step would cost more than it gives. When ranks meet, dense parameters and their moments
/// become the mean over the ranks; an embedding row that some ranks touched moves by the mean of
/// their changes, its optimizer state becomes the mean of theirs and its age the greatest. Then all
/// ranks are equal again. The result depends on the number of ranks.
/// Source: Douillard et al. 2023, "DiLoCo", without its outer optimizer.
class LocalSteps {
 public:
  /// All references must outlive this object. The tables must be whole on every rank, with a row
  /// for every id.
  LocalSteps(MetaParameters& parameters, DenseOptimizer& optimizer, Communicator& communicator);

  /// Collective: all ranks must call, after the same number of outer steps.
  void Meet();

 private:
  void AverageDense();
  void AverageRows(EmbeddingTable& table);

  MetaParameters& parameters_;
  DenseOptimizer& optimizer_;
  Communicator& communicator_;
};

}  // namespace hearth
