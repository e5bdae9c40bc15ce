#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/communicator.h"
#include "sampler/meta_batch.h"
#include "trainer/evaluate/metrics.h"

namespace hearth {

/// The rows of one episode that metrics are made of, and the scores that one method gives them.
struct EpisodeScores {
  std::vector<int64_t> items;  ///< the query items; then, in a log of positive events, candidates
  std::vector<double> labels;  ///< [row] of the query events; 0 for candidates
  std::vector<double> scores;  ///< [row]
  int64_t query_count = 0;     ///< rows of query events; the rows behind them are candidates
  bool are_labels = true;      ///< scores are on the scale of the labels
  double loss = kUndefined;    ///< the query loss of the model; undefined for baselines
};

/// Every score of the evaluation of one part, beside the rows that it belongs to, so that anyone
/// can compute the metrics again.
class PredictionLog {
 public:
  struct Episode {
    int64_t draw = 0, task_id = 0;
    std::vector<int64_t> support_items;
    std::vector<float> support_labels;
    int64_t query_count = 0;  ///< rows of query events; the rows behind them are candidates
    std::vector<int64_t> items;
    std::vector<double> labels;
    std::map<std::string, std::vector<double>> scores;  ///< [method][row]
    std::map<std::string, double> losses;               ///< [method], where it is defined
  };

  /// Notes the support rows of the tasks of a chunk.
  void AddSupport(const Chunk& chunk);
  /// Notes the scores of a method, [task of the chunk]. All methods score the same rows of an
  /// episode, support sets of every size included.
  void Add(const std::string& method, const Chunk& chunk, int64_t draw,
           const std::vector<EpisodeScores>& scores);
  /// Brings the episodes of all ranks to every rank. Collective: all ranks must call.
  void Gather(Communicator& communicator);

  /// The methods, in the order of their first call of Add.
  const std::vector<std::string>& methods() const { return methods_; }
  /// The episodes by (number of the chunk, position in it): their order does not depend on ranks.
  const std::map<std::pair<int64_t, int64_t>, Episode>& episodes() const { return episodes_; }

 private:
  using Place = std::pair<int64_t, int64_t>;  // number of the chunk, position in it

  void NoteMethod(const std::string& method);
  void Merge(const std::vector<std::string>& methods, std::span<const int64_t> integers,
             std::span<const double> reals);

  std::vector<std::string> methods_;
  std::map<Place, Episode> episodes_;
};

}  // namespace hearth
