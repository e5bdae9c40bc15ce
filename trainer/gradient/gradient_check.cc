#include "trainer/gradient/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>

#include "common/random.h"
#include "trainer/gradient/engine_choice.h"
#include "trainer/gradient/fused_engine.h"
#include "trainer/gradient/generic_engine.h"

namespace hearth {
namespace {

// A model at its start values, in one precision.
class CheckedModel {
 public:
  CheckedModel(std::shared_ptr<const InputSchema> schema, const Dataset& dataset,
               const LearnerOptions& options, at::ScalarType type, uint64_t seed)
      : learner_(std::move(schema), options, at::TensorOptions().dtype(type)),
        data_(*learner_.schema(), dataset, learner_.tensor_options()),
        parameters_(learner_.InitialParameters(TableOptimizer::kAdagrad, seed)) {}

  EngineContext context() const { return {learner_, data_.builder()}; }
  const Learner& learner() const { return learner_; }
  MetaParameters& parameters() { return parameters_; }

 private:
  Learner learner_;
  DataBinding data_;
  MetaParameters parameters_;
};

at::Tensor Flatten(const ChunkResult& result) {
  std::vector<at::Tensor> gradients = {result.dense_gradient.to(at::kDouble)};
  for (const at::Tensor& rows : result.row_gradients) {
    gradients.push_back(rows.to(at::kDouble).reshape({-1}));
  }
  return at::cat(gradients);
}

// NaN if one of the numbers is NaN: std::max may drop it, and the check would pass.
double Larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  const double scale = expected.abs().max().item<double>();
  return (actual - expected).abs().max().item<double>() / Larger(scale, 1e-300);
}

// One element of the parameters, and its gradient from the engine.
struct Element {
  double* value;
  double gradient;
};

std::vector<Element> ChooseElements(CheckedModel& model, const ChunkResult& result,
                                    int64_t samples) {
  RandomStream random(1, Purpose::kTest);
  std::vector<Element> elements;
  const auto draw = [&](int64_t count) -> int64_t { return random.NextBelow(count); };
  auto* dense = model.parameters().dense.mutable_data_ptr<double>();
  const auto* gradient = result.dense_gradient.const_data_ptr<double>();
  for (const ParameterSpec& spec : model.learner().layout().specs()) {
    for (int64_t s = 0; s < std::min(samples, spec.count); ++s) {
      const int64_t i = spec.offset + draw(spec.count);
      elements.push_back({dense + i, gradient[i]});
    }
  }
  for (size_t t = 0; t < result.table_rows.size(); ++t) {
    EmbeddingTable& table = model.parameters().tables[t];
    const at::Tensor& rows = result.row_gradients[t];
    for (int64_t s = 0; s < std::min(samples, rows.numel()); ++s) {
      const int64_t i = draw(rows.numel()), row = i / table.dim(), d = i % table.dim();
      const int64_t id = result.table_rows[t][row];
      auto* values = table.rows().mutable_data_ptr<double>();
      elements.push_back(
          {values + table.LocalRowOf(id) * table.dim() + d, rows.const_data_ptr<double>()[i]});
    }
  }
  return elements;
}

double CentralDifference(double& value, const Engine& engine, const Chunk& chunk,
                         const MetaParameters& parameters) {
  constexpr double kStep = 1e-5;
  const double saved = value;
  value = saved + kStep;
  const double above = engine.Compute(chunk, parameters).loss_sum;
  value = saved - kStep;
  const double below = engine.Compute(chunk, parameters).loss_sum;
  value = saved;
  return (above - below) / (2.0 * kStep);
}

// Fills in difference_error and checked_count of `check`.
void CompareWithDifferences(CheckedModel& model, const Chunk& chunk, int64_t samples,
                            GradientCheck& check) {
  const GenericEngine engine(model.context());
  const ChunkResult result = engine.Compute(chunk, model.parameters());
  const double scale = Flatten(result).abs().max().item<double>();
  double largest = 0.0;
  for (const Element& element : ChooseElements(model, result, samples)) {
    const double expected = CentralDifference(*element.value, engine, chunk, model.parameters());
    largest = Larger(largest, std::abs(element.gradient - expected) / scale);
    ++check.checked_count;
  }
  check.difference_error = largest;
}

}  // namespace

bool GradientCheck::passed() const {
  return finite_task_count == task_count && difference_error.value_or(0.0) <= kTolerance64 &&
         fused_error.value_or(0.0) <= kTolerance64 && float32_error.value_or(0.0) <= kTolerance32;
}

GradientCheck CheckGradient(const Dataset& dataset, const LearnerOptions& options,
                            const Chunk& chunk, uint64_t seed, int64_t samples) {
  const int64_t negative_rows = chunk.negatives_are_rows ? chunk.negatives_per_row : 0;
  const auto schema =
      std::make_shared<const InputSchema>(MakeInputSchema(dataset, options.model, negative_rows));
  const auto make_model = [&](const LearnerOptions& learner_options, at::ScalarType type) {
    return std::make_unique<CheckedModel>(schema, dataset, learner_options, type, seed);
  };
  const auto run_generic = [&](CheckedModel& model) {
    return GenericEngine(model.context()).Compute(chunk, model.parameters());
  };
  const auto exact = make_model(options, at::kDouble);
  GradientCheck check;
  check.task_count = chunk.task_count();
  if (exact->learner().adaptation().is_exact_gradient()) {
    check.smoothed = options.model.type == ModelOptions::Type::kEmbeddingMlp &&
                     options.model.activation == ModelOptions::Activation::kRelu;
    LearnerOptions smooth = options;
    if (check.smoothed) smooth.model.activation = ModelOptions::Activation::kGelu;
    CompareWithDifferences(*make_model(smooth, at::kDouble), chunk, samples, check);
  }
  const ChunkResult result = run_generic(*exact);
  check.finite_task_count = result.finite_task_count;
  const at::Tensor gradient = Flatten(result);
  if (FusedEngine::WhyNot(exact->learner(), at::kCPU).empty()) {
    const FusedEngine fused(exact->context());
    check.fused_error = RelativeError(Flatten(fused.Compute(chunk, exact->parameters())), gradient);
  }
  const auto single = make_model(options, at::kFloat);
  const ChosenEngine chosen = ChooseEngine(EngineKind::kAuto, single->context(), at::kCPU);
  check.engine = chosen.reason;
  check.float32_error =
      RelativeError(Flatten(chosen.engine->Compute(chunk, single->parameters())), gradient);
  if (options.meta.method == MetaOptions::Method::kMaml) {
    LearnerOptions dropped = options;
    dropped.meta.method = MetaOptions::Method::kFomaml;
    const at::Tensor first_order = Flatten(run_generic(*make_model(dropped, at::kDouble)));
    check.second_order_share =
        (gradient - first_order).norm().item<double>() / gradient.norm().item<double>();
  }
  return check;
}

}  // namespace hearth
