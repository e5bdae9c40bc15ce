#include "trainer/adapt/ridge_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/diag_embed.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones_like.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr const char* kChange = "ridge.change";
// Scores of least squares lie in 0 to 1; bpr wants differences of several units.
constexpr double kStartLogScale = 2.0;

}  // namespace

RidgeHead::RidgeHead(MetaOptions::Loss loss, const Model& model, ParameterLayout& layout)
    : pairwise_(loss == MetaOptions::Loss::kBpr), model_(model) {
  if (loss == MetaOptions::Loss::kBce) {
    throw ConfigError(
        "meta.method=ridge solves least squares: it needs meta.loss=mse, or bpr for positive "
        "events; for meta.loss=bce use meta.method=maml");
  }
  const int64_t features = layout.spec(model.last_layer().weight()).shape[0];
  const auto declare_log = [&](const char* name, int64_t count, double value) {
    return layout.Add({.name = name,
                       .shape = {count},
                       .init = ParameterInit::kConstant,
                       .init_value = value,
                       .own_rate = true,
                       .decays = false});
  };
  log_strength_ = declare_log("ridge.log_strength", pairwise_ ? features : features + 1, 0.0);
  if (!pairwise_) return;
  unseen_ = layout.Add({.name = "ridge.unseen",
                        .shape = {features, features},
                        .init = ParameterInit::kFanIn,
                        .decays = false});
  log_scale_ = declare_log("ridge.log_scale", 1, kStartLogScale);
}

RidgeHead::Regression RidgeHead::RegressionOf(const ParameterValues& theta,
                                              const EncodedRows& rows) const {
  const HeadRows inputs = model_.MakeHeadRows(rows);
  const at::Tensor x = model_.Features(theta, inputs).x.x;
  const at::Tensor score = model_.Score(theta, inputs);
  if (pairwise_) return {.x = x, .score = score};
  return {.x = at::cat({x, at::ones_like(x.narrow(2, 0, 1))}, 2), .score = score};
}

// The prior precision of the change.
at::Tensor RidgeHead::Precision(const ParameterValues& theta) const {
  const at::Tensor strength = at::diag_embed(theta[log_strength_].exp());
  if (!pairwise_) return strength;
  return strength + at::mm(theta[unseen_], theta[unseen_].t());
}

TaskState RidgeHead::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                           Graph graph) const {
  const at::AutoGradMode mode(graph == Graph::kDifferentiable);
  const LabelledRows& support = chunk.support;
  const Regression rows = RegressionOf(theta, support.rows);
  const at::Tensor x = rows.x * support.mask.unsqueeze(2);  // zeros in the padding
  const at::Tensor labels = pairwise_ ? support.mask : support.labels;
  const at::Tensor residual = (labels - rows.score) * support.mask;
  const at::Tensor normal = at::bmm(x.transpose(1, 2), x) + Precision(theta);
  const at::Tensor right = at::bmm(x.transpose(1, 2), residual.unsqueeze(2));
  // Numbers that are not finite pass through, so an engine can leave out their task.
  const at::Tensor factor = std::get<0>(at::linalg_cholesky_ex(normal));
  TaskState state;
  state.Add(kChange, at::cholesky_solve(right, factor).squeeze(2));
  return state;
}

at::Tensor RidgeHead::Score(const ParameterValues& theta, const TaskState& state, const ChunkBatch&,
                            const EncodedRows& rows) const {
  const Regression regression = RegressionOf(theta, rows);
  at::Tensor score = regression.score;
  const at::Tensor* change = state.Find(kChange);
  if (change != nullptr) score = score + at::bmm(regression.x, change->unsqueeze(2)).squeeze(2);
  return pairwise_ ? score * theta[log_scale_].exp() : score;
}

}  // namespace hearth
