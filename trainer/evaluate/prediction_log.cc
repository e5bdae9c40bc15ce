#include "trainer/evaluate/prediction_log.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

// Numbers of one kind, written one after the other and read in the same order.
template <typename Number>
class NumberReader {
 public:
  explicit NumberReader(std::span<const Number> numbers) : numbers_(numbers) {}

  bool at_end() const { return numbers_.empty(); }
  Number Next() { return NextSpan(1)[0]; }
  std::span<const Number> NextSpan(int64_t count) {
    HEARTH_CHECK(count >= 0 && count <= std::ssize(numbers_), "{} of {}", count, numbers_.size());
    const std::span<const Number> taken = numbers_.first(count);
    numbers_ = numbers_.subspan(count);
    return taken;
  }

 private:
  std::span<const Number> numbers_;
};

int64_t IndexOf(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) - names.begin();
}

template <typename Number, typename Range>
void Append(std::vector<Number>& numbers, const Range& added) {
  numbers.insert(numbers.end(), added.begin(), added.end());
}

std::vector<std::string> NamesIn(const std::string& lines) {
  if (lines.empty()) return {};
  const std::vector<std::string_view> names = SplitText(lines, "\n");
  return {names.begin(), names.end()};
}

struct Encoded {
  std::vector<int64_t> integers;
  std::vector<double> reals;
};

void Encode(std::pair<int64_t, int64_t> place, const PredictionLog::Episode& episode,
            const std::vector<std::string>& methods, Encoded& out) {
  Append(out.integers,
         std::initializer_list<int64_t>{place.first, place.second, episode.draw, episode.task_id,
                                        episode.query_count, std::ssize(episode.support_items),
                                        std::ssize(episode.items), std::ssize(episode.scores),
                                        std::ssize(episode.losses)});
  Append(out.integers, episode.support_items);
  Append(out.reals, episode.support_labels);
  Append(out.integers, episode.items);
  Append(out.reals, episode.labels);
  for (const auto& [method, scores] : episode.scores) {
    out.integers.push_back(IndexOf(methods, method));
    Append(out.reals, scores);
  }
  for (const auto& [method, loss] : episode.losses) {
    out.integers.push_back(IndexOf(methods, method));
    out.reals.push_back(loss);
  }
}

}  // namespace

void PredictionLog::NoteMethod(const std::string& method) {
  if (std::ranges::find(methods_, method) == methods_.end()) methods_.push_back(method);
}

void PredictionLog::AddSupport(const Chunk& chunk) {
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    Episode& episode = episodes_[{chunk.number, task}];
    for (int64_t row = chunk.support.offsets[task]; row < chunk.support.offsets[task + 1]; ++row) {
      episode.support_items.push_back(chunk.support.items[row]);
      episode.support_labels.push_back(chunk.support.labels[row]);
    }
  }
}

void PredictionLog::Add(const std::string& method, const Chunk& chunk, int64_t draw,
                        const std::vector<EpisodeScores>& scores) {
  NoteMethod(method);
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    Episode& episode = episodes_[{chunk.number, task}];
    episode.draw = draw;
    episode.task_id = chunk.task_ids[task];
    episode.query_count = scores[task].query_count;
    episode.items = scores[task].items;
    episode.labels = scores[task].labels;
    episode.scores[method] = scores[task].scores;
    if (!std::isnan(scores[task].loss)) episode.losses[method] = scores[task].loss;
  }
}

void PredictionLog::Gather(Communicator& communicator) {
  Encoded own;
  for (const auto& [place, episode] : episodes_) Encode(place, episode, methods_, own);
  const std::vector<std::string> names = AllGatherText(communicator, Join(methods_, "\n"));
  std::vector<int64_t> integer_counts, real_counts;
  const std::vector<int64_t> integers =
      communicator.AllGather(std::span<const int64_t>(own.integers), &integer_counts);
  const std::vector<double> reals =
      communicator.AllGather(std::span<const double>(own.reals), &real_counts);
  methods_.clear();
  episodes_.clear();
  NumberReader<int64_t> all_integers{integers};
  NumberReader<double> all_reals{reals};
  for (size_t rank = 0; rank < names.size(); ++rank) {
    Merge(NamesIn(names[rank]), all_integers.NextSpan(integer_counts[rank]),
          all_reals.NextSpan(real_counts[rank]));
  }
}

// Adds the episodes of one rank. Two ranks may have scores of different methods for one episode.
void PredictionLog::Merge(const std::vector<std::string>& methods,
                          std::span<const int64_t> integers, std::span<const double> reals) {
  NumberReader<int64_t> next(integers);
  NumberReader<double> next_real(reals);
  while (!next.at_end()) {
    const int64_t chunk = next.Next(), position = next.Next();
    Episode& episode = episodes_[{chunk, position}];
    episode.draw = next.Next();
    episode.task_id = next.Next();
    episode.query_count = next.Next();
    const int64_t support_count = next.Next(), row_count = next.Next();
    const int64_t score_count = next.Next(), loss_count = next.Next();
    Append(episode.support_items, next.NextSpan(support_count));
    Append(episode.support_labels, next_real.NextSpan(support_count));
    episode.items.clear();
    episode.labels.clear();
    Append(episode.items, next.NextSpan(row_count));
    Append(episode.labels, next_real.NextSpan(row_count));
    for (int64_t i = 0; i < score_count; ++i) {
      Append(episode.scores[methods[next.Next()]], next_real.NextSpan(row_count));
    }
    for (int64_t i = 0; i < loss_count; ++i) {
      episode.losses[methods[next.Next()]] = next_real.Next();
    }
  }
  for (const std::string& method : methods) NoteMethod(method);
}

}  // namespace hearth
