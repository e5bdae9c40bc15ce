// Meta-gradient of a MeLU-size model (256-64-64-1, ReLU, MSE, second order): hearth's task-batched
// engine against a per-task autograd loop, the pattern of public meta-learning code. One core, both
// in one process, interleaved; the outputs are compared with float64 in the same run.
//   engine_bench [TASKS] [INNER_STEPS] [ROUNDS]      defaults 32 5 7; prints a table and JSON
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/interleaved.h"
#include "common/random.h"
#include "trainer/engine/generic_engine.h"

namespace hearth {
namespace {

constexpr int64_t kSupport = 20, kQuery = 10, kItems = 2000, kDim = 32;
constexpr double kInnerLr = 0.01;

EntityTable MakeEntities(int64_t count, int64_t feature_count) {
  EntityTable table;
  for (int64_t e = 0; e < count; ++e) table.ids.push_back(std::to_string(e));
  for (int64_t f = 0; f < feature_count; ++f) {
    FeatureColumn column;
    column.name = "f" + std::to_string(f);
    for (int64_t v = 0; v < 50; ++v) column.vocabulary.push_back(std::to_string(v));
    RandomStream random(1, Purpose::kTest, static_cast<uint64_t>(f));
    for (int64_t e = 0; e < count; ++e) {
      column.categories.push_back(static_cast<int32_t>(random.NextBelow(50)));
    }
    table.features.push_back(std::move(column));
  }
  return table;
}

TaskRows MakeRows(int64_t tasks, int64_t rows_per_task, uint64_t seed) {
  TaskRows rows;
  RandomStream random(seed, Purpose::kTest);
  for (int64_t t = 0; t < tasks; ++t) {
    for (int64_t r = 0; r < rows_per_task; ++r) {
      rows.items.push_back(static_cast<int64_t>(random.NextBelow(kItems)));
      rows.labels.push_back(static_cast<float>(1 + random.NextBelow(5)));
    }
    rows.offsets.push_back(rows.offsets.back() + rows_per_task);
  }
  return rows;
}

// Everything both contestants need, in one precision.
class Workload {
 public:
  Workload(int64_t tasks, int64_t inner_steps, at::ScalarType type)
      : users_(MakeEntities(tasks, 4)),
        items_(MakeEntities(kItems, 4)),
        user_fields_(users_, "user", {}),
        item_fields_(items_, "item", {}),
        inner_steps_(inner_steps) {
    MetaOptions meta;
    meta.inner_steps = inner_steps;
    meta.inner_lr = kInnerLr;
    meta.learn_inner_lr = MetaOptions::LearnInnerLr::kNo;
    ModelOptions model;
    model.dim = kDim;
    model_ = MakeRecommender(model, user_fields_, item_fields_, 0.0);
    method_ = MakeMethod(meta, *model_);
    const auto options = at::TensorOptions().dtype(type);
    builder_ = std::make_unique<BatchBuilder>(user_fields_, item_fields_, options);
    parameters_.emplace(InitializeMetaParameters(*model_, TableOptimizer::kAdam, 3, options));
    for (int64_t begin = 0; begin < tasks; begin += 16) {
      Chunk chunk;
      for (int64_t t = begin; t < std::min(tasks, begin + 16); ++t) chunk.task_ids.push_back(t);
      const auto seed = static_cast<uint64_t>(begin);
      chunk.support = MakeRows(chunk.task_count(), kSupport, 2 * seed);
      chunk.query = MakeRows(chunk.task_count(), kQuery, 2 * seed + 1);
      chunks_.push_back(std::move(chunk));
    }
    Encode();
  }

  at::Tensor RunEngine() const {
    const GenericEngine engine({*model_, *method_, *builder_, MetaOptions::Loss::kMse});
    at::Tensor sum;
    for (const Chunk& chunk : chunks_) {
      const at::Tensor gradient = engine.Compute(chunk, *parameters_, false).dense_gradient;
      sum = sum.defined() ? sum + gradient : gradient;
    }
    return sum;
  }

  // One graph per task on inputs that are already encoded: the loop does less than the engine,
  // which also gathers embeddings and returns their gradients.
  at::Tensor RunLoop() const {
    const std::vector<at::Tensor> theta =
        MakeLeaves(model_->layout(), parameters_->dense).tensors();
    std::vector<at::Tensor> sums(theta.size());
    for (const Task& task : tasks_) {
      const at::Tensor support = task.support.detach().requires_grad_(true);
      const at::Tensor query = task.query.detach().requires_grad_(true);
      std::vector<at::Tensor> fast = theta;
      for (int64_t k = 0; k < inner_steps_; ++k) {
        const std::vector<at::Tensor> gradients = torch::autograd::grad(
            {Loss(fast, support, task.support_labels)}, fast, {}, true, /*create_graph=*/true);
        for (size_t p = 0; p < fast.size(); ++p) fast[p] = fast[p] - gradients[p] * kInnerLr;
      }
      std::vector<at::Tensor> inputs = theta;
      inputs.push_back(support);
      inputs.push_back(query);
      const std::vector<at::Tensor> gradients =
          torch::autograd::grad({Loss(fast, query, task.query_labels)}, inputs);
      for (size_t p = 0; p < theta.size(); ++p) {
        sums[p] = sums[p].defined() ? sums[p] + gradients[p] : gradients[p];
      }
    }
    return FlattenGradients(model_->layout(), sums, parameters_->dense.options());
  }

 private:
  struct Task {
    at::Tensor support, query;  // [rows, 256]
    at::Tensor support_labels, query_labels;
  };

  static at::Tensor Loss(const std::vector<at::Tensor>& values, at::Tensor x,
                         const at::Tensor& labels) {
    for (size_t layer = 0; 2 * layer < values.size(); ++layer) {
      x = at::mm(x, values[2 * layer]) + values[2 * layer + 1];
      if (2 * layer + 2 < values.size()) x = at::relu(x);
    }
    const at::Tensor difference = x.squeeze(1) - labels;
    return (difference * difference).mean();
  }

  void Encode() {
    const ParameterValues theta = ViewParameters(model_->layout(), parameters_->dense);
    for (const Chunk& chunk : chunks_) {
      const ChunkBatch batch = builder_->Build(chunk);
      const EncodedChunk encoded =
          hearth::Encode(*model_, theta, batch, GatherTableRows(*parameters_, batch.table_rows));
      const auto inputs = [&](const RowBatch& of, int64_t t) {
        const at::Tensor items = GatherRows(encoded.items, of.entity).select(0, t);
        const at::Tensor user = encoded.tasks.narrow(0, t, 1).expand({items.size(0), -1});
        return at::cat({user, items}, 1);
      };
      for (int64_t t = 0; t < chunk.task_count(); ++t) {
        tasks_.push_back({inputs(batch.support, t), inputs(batch.query, t),
                          batch.support.labels.select(0, t), batch.query.labels.select(0, t)});
      }
    }
  }

  EntityTable users_, items_;
  EntityFields user_fields_, item_fields_;
  int64_t inner_steps_;
  std::unique_ptr<Recommender> model_;
  std::unique_ptr<MetaMethod> method_;
  std::unique_ptr<BatchBuilder> builder_;
  std::optional<MetaParameters> parameters_;
  std::vector<Chunk> chunks_;
  std::vector<Task> tasks_;
};

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual.to(at::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
}

int Main(int argc, char** argv) {
  const int64_t tasks = argc > 1 ? std::atoll(argv[1]) : 32;
  const int64_t inner_steps = argc > 2 ? std::atoll(argv[2]) : 5;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 7;
  at::set_num_threads(1);
  const Workload workload(tasks, inner_steps, at::kFloat), exact(tasks, inner_steps, at::kDouble);
  const at::Tensor reference = exact.RunLoop();
  const double engine_error = RelativeError(workload.RunEngine(), reference);
  const double loop_error = RelativeError(workload.RunLoop(), reference);

  InterleavedRounds timing(rounds, 1.0);
  const auto items = static_cast<double>(tasks);
  timing.Run({{"engine", items, [&] { workload.RunEngine(); }},
              {"loop", items, [&] { workload.RunLoop(); }}});
  const nlohmann::json ratio = timing.RatioJson(0, 1);
  std::printf("second order, T=%lld K=%lld S=20 Q=10, 256-64-64-1, float32, 1 core, %d rounds\n",
              static_cast<long long>(tasks), static_cast<long long>(inner_steps), rounds);
  std::printf("%-28s %12s %14s\n", "", "tasks/s", "error vs f64");
  std::printf("%-28s %12.0f %14.1e\n", "per-task autograd loop", timing.Rate(1), loop_error);
  std::printf("%-28s %12.0f %14.1e\n", "hearth generic engine", timing.Rate(0), engine_error);
  std::printf("engine / loop: %.2fx (rounds %.2f .. %.2f)\n", ratio["median"].get<double>(),
              ratio["min"].get<double>(), ratio["max"].get<double>());
  const nlohmann::json json = {{"tasks", tasks},
                               {"inner_steps", inner_steps},
                               {"engine_tasks_per_s", timing.Rate(0)},
                               {"loop_tasks_per_s", timing.Rate(1)},
                               {"ratio", ratio},
                               {"engine_error", engine_error},
                               {"loop_error", loop_error}};
  std::printf("%s\n", json.dump().c_str());
  return engine_error < 1e-4 && loop_error < 1e-4 ? 0 : 1;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }
