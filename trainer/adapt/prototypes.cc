#include "trainer/adapt/prototypes.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/relu.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr const char* kLike = "prototypes.like";
constexpr const char* kDislike = "prototypes.dislike";

// Computes |x - prototype|^2. x: [tasks, rows, f]; prototype: [tasks or 1, f].
at::Tensor SquaredDistance(const at::Tensor& x, const at::Tensor& prototype) {
  const at::Tensor difference = x - prototype.unsqueeze(1);
  return (difference * difference).sum(2);
}

}  // namespace

Prototypes::Prototypes(MetaOptions::Loss loss, double label_mean, const Model& model,
                       ParameterLayout& layout)
    : pairwise_(loss == MetaOptions::Loss::kBpr), label_mean_(label_mean), model_(model) {
  const int64_t features = layout.spec(model.last_layer().weight()).shape[0];
  const auto declare = [&](const char* name, int64_t count, double value, bool is_log) {
    return layout.Add({.name = name,
                       .shape = {count},
                       .init = ParameterInit::kConstant,
                       .init_value = value,
                       .own_rate = is_log,
                       .decays = !is_log});
  };
  like_ = declare(kLike, features, 0.0, false);
  dislike_ = declare(kDislike, features, 0.0, false);
  log_prior_ = declare("prototypes.log_prior", 1, 0.0, true);
  log_scale_ = declare("prototypes.log_scale", 1, 0.0, true);
}

at::Tensor Prototypes::Mean(const ParameterValues& theta, int64_t start,
                            const WeightedRows& rows) const {
  const at::Tensor prior = theta[log_prior_].exp();
  const at::Tensor sum = at::bmm(rows.weight.unsqueeze(1), rows.x).squeeze(1);
  return (sum + prior * theta[start]) / (rows.weight.sum(1, /*keepdim=*/true) + prior);
}

TaskState Prototypes::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                            Graph graph) const {
  const at::AutoGradMode mode(graph == Graph::kDifferentiable);
  const LabelledRows& support = chunk.support;
  const auto features = [&](const EncodedRows& rows) {
    return model_.Features(theta, model_.MakeHeadRows(rows)).x.x;
  };
  WeightedRows like{.x = features(support.rows), .weight = support.mask};
  WeightedRows dislike = like;
  if (pairwise_) {
    HEARTH_CHECK(support.negatives.defined(), "bpr without negatives");
    dislike.x = features(support.negatives);
    const int64_t per_row = dislike.x.size(1) / like.x.size(1);
    dislike.weight = (support.mask / static_cast<double>(per_row)).repeat_interleave(per_row, 1);
  } else {
    like.weight = at::relu(support.labels - label_mean_) * support.mask;
    dislike.weight = at::relu(label_mean_ - support.labels) * support.mask;
  }
  TaskState state;
  state.Add(kLike, Mean(theta, like_, like));
  state.Add(kDislike, Mean(theta, dislike_, dislike));
  return state;
}

at::Tensor Prototypes::Score(const ParameterValues& theta, const TaskState& state,
                             const ChunkBatch&, const EncodedRows& rows) const {
  const HeadRows inputs = model_.MakeHeadRows(rows);
  const at::Tensor x = model_.Features(theta, inputs).x.x;
  const auto prototype = [&](const char* name, int64_t start) {
    const at::Tensor* own = state.Find(name);
    return own == nullptr ? theta[start].unsqueeze(0) : *own;
  };
  const at::Tensor nearer = SquaredDistance(x, prototype(kDislike, dislike_)) -
                            SquaredDistance(x, prototype(kLike, like_));
  return model_.Score(theta, inputs) + theta[log_scale_].exp() * nearer;
}

}  // namespace hearth
