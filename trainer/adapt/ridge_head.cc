#include "trainer/adapt/ridge_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/diag_embed.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/ones_like.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr const char* kChange = "ridge.change";

}  // namespace

RidgeHead::RidgeHead(MetaOptions::Loss loss, const Model& model, ParameterLayout& layout)
    : model_(model) {
  if (loss != MetaOptions::Loss::kMse) {
    throw ConfigError(
        "meta.method=ridge solves least squares: it needs meta.loss=mse; for other losses use "
        "meta.method=maml");
  }
  const int64_t features = layout.spec(model.last_layer().weight()).shape[0];
  log_strength_ = layout.Add({.name = "ridge.log_strength",
                              .shape = {features + 1},
                              .init = ParameterInit::kConstant,
                              .init_value = 0.0,
                              .own_rate = true,
                              .decays = false});
}

RidgeHead::Regression RidgeHead::RegressionOf(const ParameterValues& theta,
                                              const EncodedRows& rows) const {
  const HeadRows inputs = model_.MakeHeadRows(rows);
  const at::Tensor x = model_.Features(theta, inputs).x.x;
  return {.x = at::cat({x, at::ones_like(x.narrow(2, 0, 1))}, 2),
          .score = model_.Score(theta, inputs)};
}

TaskState RidgeHead::Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                           Graph graph) const {
  const at::AutoGradMode mode(graph == Graph::kDifferentiable);
  const LabelledRows& support = chunk.support;
  const Regression rows = RegressionOf(theta, support.rows);
  const at::Tensor x = rows.x * support.mask.unsqueeze(2);  // zeros in the padding
  const at::Tensor residual = (support.labels - rows.score) * support.mask;
  const at::Tensor normal =
      at::bmm(x.transpose(1, 2), x) + at::diag_embed(theta[log_strength_].exp());
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
  const at::Tensor* change = state.Find(kChange);
  if (change == nullptr) return regression.score;
  return regression.score + at::bmm(regression.x, change->unsqueeze(2)).squeeze(2);
}

}  // namespace hearth
