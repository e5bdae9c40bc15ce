#pragma once

#include <cstdint>

#include "cluster/communicator.h"
#include "trainer/optimize/dense_optimizer.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Makes ranks equal again after each has stepped alone (AloneStepper). Dense parameters and their
/// moments become the mean over the ranks. A table row that some ranks touched moves by the mean of
/// their changes; its optimizer state becomes the mean of their states, and its age the greatest of
/// their ages.
/// The result depends on the number of ranks.
/// Source: Douillard et al. 2023, "DiLoCo", without its outer optimizer.
class ReplicaAverager {
 public:
  /// All references must outlive this object. The tables must be whole on every rank, with a row
  /// for every id.
  ReplicaAverager(MetaParameters& parameters, DenseOptimizer& optimizer,
                  Communicator& communicator);

  /// Collective: all ranks must call, after the same number of outer steps.
  void Average();

 private:
  void AverageDense();
  void AverageRows(EmbeddingTable& table);

  MetaParameters& parameters_;
  DenseOptimizer& optimizer_;
  Communicator& communicator_;
};

}  // namespace hearth
