#include "bench/engine/contestants.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/zeros_like.h>

#include "bench/engine/explicit_forms.h"
#include "common/error.h"
#include "trainer/gradient/engine_choice.h"

namespace hearth {
namespace {

constexpr int64_t kBatchedChunk = 32;

// Largest error of a tensor relative to its largest element, over a list of tensors.
double RelativeError(const std::vector<at::Tensor>& actual,
                     const std::vector<at::Tensor>& expected) {
  HEARTH_CHECK(actual.size() == expected.size());
  double largest = 0.0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double error = (actual[i].to(at::kDouble) - expected[i]).abs().max().item<double>();
    const double scale = expected[i].abs().max().item<double>();
    largest = std::max(largest, scale > 0.0 ? error / scale : error);
  }
  return largest;
}

class ExplicitForm : public EngineContestant {
 public:
  using Form = std::function<MetaGradient(const PlainTasks&, const WorkloadOptions&)>;

  ExplicitForm(const Workload& workload, Form form) : workload_(workload), form_(std::move(form)) {}

  void Step() override { form_(workload_.tasks(), workload_.options()); }
  GradientErrors CompareWith(const MetaGradient& exact) override {
    const MetaGradient gradient = form_(workload_.tasks(), workload_.options());
    return {RelativeError(gradient.theta, exact.theta),
            RelativeError({gradient.support, gradient.query}, {exact.support, exact.query})};
  }

 private:
  const Workload& workload_;
  Form form_;
};

class HearthEngine : public EngineContestant {
 public:
  HearthEngine(const Workload& workload, EngineKind kind, bool recompute)
      : workload_(workload),
        engine_(ChooseEngine(kind, workload.context(recompute), at::kCPU).engine) {}

  void Step() override { Compute(); }
  GradientErrors CompareWith(const MetaGradient& exact) override {
    const std::vector<ChunkResult> results = Compute();
    const std::vector<std::vector<at::Tensor>> exact_rows = workload_.RowGradients(exact);
    at::Tensor dense = at::zeros_like(results.front().dense_gradient, at::kDouble);
    double row_error = 0.0;
    for (size_t c = 0; c < results.size(); ++c) {
      dense += results[c].dense_gradient;
      row_error = std::max(row_error, RelativeError(results[c].row_gradients, exact_rows[c]));
    }
    const ParameterLayout& layout = workload_.context().learner.layout();
    return {RelativeError(ViewParameters(layout, dense).tensors(), exact.theta), row_error};
  }

 private:
  std::vector<ChunkResult> Compute() const {
    std::vector<ChunkResult> results;
    for (const Chunk& chunk : workload_.chunks()) {
      results.push_back(engine_->Compute(chunk, workload_.parameters()));
    }
    return results;
  }

  const Workload& workload_;
  std::unique_ptr<Engine> engine_;
};

using Make = std::function<std::unique_ptr<EngineContestant>(const Workload&)>;

Make MakeExplicit(ExplicitForm::Form form) {
  return
      [form](const Workload& workload) { return std::make_unique<ExplicitForm>(workload, form); };
}

Make MakeEngine(EngineKind kind, bool recompute = false) {
  return [kind, recompute](const Workload& workload) {
    return std::make_unique<HearthEngine>(workload, kind, recompute);
  };
}

}  // namespace

MetaGradient ExactGradient(const Workload& workload) {
  return LoopGradient(workload.tasks().To(at::kDouble), workload.options());
}

const std::vector<ContestantSpec>& AllContestants() {
  static const auto batched = [](const PlainTasks& tasks, const WorkloadOptions& options) {
    return BatchedGradient(tasks, options, kBatchedChunk);
  };
  static const std::vector<ContestantSpec> all = {
      {"loop", "LibTorch, per-task autograd loop", false, MakeExplicit(LoopGradient)},
      {"batched", "LibTorch, task-batched, chunks of 32", false, MakeExplicit(batched)},
      {"generic", "hearth generic engine", false, MakeEngine(EngineKind::kGeneric)},
      {"generic_recompute", "hearth generic engine, steps recomputed", false,
       MakeEngine(EngineKind::kGeneric, /*recompute=*/true)},
      {"fused", "hearth fused engine", false, MakeEngine(EngineKind::kFused)},
      {"generic_padded", "hearth generic engine, padded", true, MakeEngine(EngineKind::kGeneric)},
      {"fused_padded", "hearth fused engine, padded", true, MakeEngine(EngineKind::kFused)},
  };
  return all;
}

}  // namespace hearth
