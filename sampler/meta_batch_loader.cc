#include "sampler/meta_batch_loader.h"

#include <utility>

#include "common/error.h"

namespace hearth {

MetaBatchLoader::MetaBatchLoader(const Dataset& dataset, Part part, const TaskOptions& options,
                                 uint64_t seed, RankPlace place)
    : builder_(dataset, part, options, seed, place) {}

const MetaBatch& MetaBatchLoader::Peek() {
  if (!peeked_) peeked_ = next_.valid() ? next_.get() : builder_.Build(next_step_);
  return *peeked_;
}

const MetaBatch& MetaBatchLoader::Next() {
  Peek();
  current_ = std::move(*peeked_);
  peeked_.reset();
  ++next_step_;
  next_ =
      std::async(std::launch::async, [this, step = next_step_] { return builder_.Build(step); });
  return current_;
}

void MetaBatchLoader::SeekToStep(int64_t step) {
  HEARTH_CHECK(step >= 0, "step {}", step);
  next_ = {};  // waits for the thread and drops its meta-batch
  peeked_.reset();
  next_step_ = step;
}

}  // namespace hearth
