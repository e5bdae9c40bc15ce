// Times the second-order meta-gradient of a recommender with a Transformer over a task's rows. All
// weights adapt. It compares these forms of fast weights, in one process on one core, interleaved:
//   factored fast weights of the generic engine;
//   explicit fast weights [tasks, in, out] by the textbook: autograd gives a gradient per weight;
//   explicit fast weights of the engine, which forms them from the gradients of outputs;
//   factored fast weights with recomputed inner steps.
// The same run compares the gradients. Memory is handled as in training (KeepFreedMemory), or as
// LibTorch does by itself if the last argument says so.
//   transformer_bench [DIM] [HIDDEN] [TASKS] [INNER_STEPS] [ROUNDS] [training|libtorch]
//   defaults          256   1024     16      1             5        training
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/interleaved.h"
#include "bench/process_memory.h"
#include "common/error.h"
#include "common/random.h"
#include "trainer/adapt/task_loss.h"
#include "trainer/gradient/generic_engine.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/model/field_encoder.h"

namespace hearth {
namespace {

constexpr int64_t kItems = 2000, kRows = 10, kBlocks = 2;
using FastWeights = MetaOptions::FastWeights;

/// Each block has attention and a dense layer. Both take normalised inputs, and their outputs are
/// added to the inputs.
class TransformerRecommender : public Recommender {
 public:
  TransformerRecommender(const EntityFields& items, int64_t dim, int64_t hidden)
      : encoder_(items, dim, 1.0, FieldCombination::kConcatenate, layout_, tables_), dim_(dim) {
    for (int64_t b = 0; b < kBlocks; ++b) {
      const std::string name = "block" + std::to_string(b) + ".";
      blocks_.push_back({TaskLinear(layout_, name + "query", dim, dim),
                         TaskLinear(layout_, name + "key", dim, dim),
                         TaskLinear(layout_, name + "value", dim, dim),
                         TaskLinear(layout_, name + "join", dim, dim),
                         TaskLinear(layout_, name + "up", dim, hidden),
                         TaskLinear(layout_, name + "down", hidden, dim)});
    }
    output_.emplace(layout_, "output", dim, 1);
    for (int64_t p = 0; p < layout_.parameter_count(); ++p) adaptable_.push_back(p);
    head_ = {output_->weight(), output_->bias()};
  }

  at::Tensor EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>&) const override {
    return at::zeros({batch.tasks.count, 0}, values[0].options().requires_grad(false));
  }
  at::Tensor EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>& rows) const override {
    return encoder_.Encode(values, batch.items, rows);
  }
  at::Tensor MakeInputs(const at::Tensor&, const at::Tensor& items) const override { return items; }
  at::Tensor Score(const ParameterValues& values, const at::Tensor& items) const override {
    const auto normalised = [&](const at::Tensor& x) { return at::layer_norm(x, {dim_}); };
    at::Tensor x = items;
    for (const Block& block : blocks_) {
      const at::Tensor u = normalised(x);
      const at::Tensor match =
          at::bmm(block.query.Forward(values, u), block.key.Forward(values, u).transpose(1, 2));
      const at::Tensor weights = at::softmax(match / std::sqrt(static_cast<double>(dim_)), -1);
      x = x + block.join.Forward(values, at::bmm(weights, block.value.Forward(values, u)));
      x = x + block.down.Forward(values, at::gelu(block.up.Forward(values, normalised(x))));
    }
    return output_->Forward(values, x).squeeze(2);
  }

 private:
  struct Block {
    TaskLinear query, key, value, join, up, down;
  };
  FieldEncoder encoder_;
  int64_t dim_;
  std::vector<Block> blocks_;
  std::optional<TaskLinear> output_;
};

TaskRows MakeRows(int64_t tasks, uint64_t seed) {
  TaskRows rows;
  RandomStream random(seed, Purpose::kTest);
  for (int64_t t = 0; t < tasks; ++t) {
    for (int64_t r = 0; r < kRows; ++r) {
      rows.items.push_back(static_cast<int64_t>(random.NextBelow(kItems)));
      rows.labels.push_back(static_cast<float>(random.NextNormal()));
    }
    rows.offsets.push_back(rows.offsets.back() + kRows);
  }
  return rows;
}

EntityTable MakeEntities(int64_t count) {
  EntityTable table;
  for (int64_t e = 0; e < count; ++e) table.ids.push_back(std::to_string(e));
  return table;
}

// Adapts as published: fast weights [tasks, in, out], and autograd gives a gradient of each.
class TextbookDescent : public MetaMethod {
 public:
  TextbookDescent(const MetaOptions& options, const Recommender& model)
      : options_(options), model_(model) {}

  AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                     const ChunkBatch& batch, bool) const override {
    const RowBatch& support = batch.support;
    const RowInputs inputs = MakeRowInputs(model_, chunk.tasks, chunk.items, support);
    std::vector<at::Tensor> fast;
    for (const at::Tensor& value : theta.tensors()) {
      fast.push_back(ShareAcrossTasks(value, support.entity.size(0)));
    }
    for (int64_t k = 0; k < options_.inner_steps; ++k) {
      const at::Tensor loss =
          SupportLosses(options_, model_, ParameterValues(fast), inputs, support).sum();
      const std::vector<at::Tensor> gradients =
          torch::autograd::grad({loss}, fast, {}, /*retain_graph=*/true, /*create_graph=*/true);
      for (size_t p = 0; p < fast.size(); ++p) fast[p] = fast[p] - options_.inner_lr * gradients[p];
    }
    return {.values = ParameterValues(fast)};
  }
  const std::vector<int64_t>& adapted() const override { return model_.adaptable(); }

 private:
  MetaOptions options_;
  const Recommender& model_;
};

enum class Form { kTextbook, kExplicit, kAuto, kRecompute };

class Workload {
 public:
  Workload(int64_t dim, int64_t hidden, int64_t tasks, int64_t inner_steps, Form form)
      : users_(MakeEntities(tasks)),
        items_(MakeEntities(kItems)),
        user_fields_(users_, "user", {}),
        item_fields_(items_, "item", {}) {
    item_fields_.AddIdField(std::vector<int64_t>(kItems, 5), 1);
    model_ = std::make_unique<TransformerRecommender>(item_fields_, dim, hidden);
    const MetaOptions meta{
        .inner_steps = inner_steps,
        .inner_lr = 0.01,
        .learn_inner_lr = MetaOptions::LearnInnerLr::kNo,
        .fast_weights = form == Form::kExplicit ? FastWeights::kExplicit : FastWeights::kAuto,
        .recompute = form == Form::kRecompute};
    method_ = form == Form::kTextbook ? std::make_unique<TextbookDescent>(meta, *model_)
                                      : MakeMethod(meta, *model_);
    const auto options = at::TensorOptions().dtype(at::kFloat);
    builder_ = std::make_unique<BatchBuilder>(user_fields_, item_fields_, options);
    parameters_.emplace(InitializeMetaParameters(model_->layout(), model_->tables(),
                                                 TableOptimizer::kAdam, 3, options));
    for (int64_t t = 0; t < tasks; ++t) chunk_.task_ids.push_back(t);
    chunk_.support = MakeRows(tasks, 1);
    chunk_.query = MakeRows(tasks, 2);
  }

  at::Tensor Run() const {
    const GenericEngine engine({*model_, *method_, *builder_, MetaOptions::Loss::kMse});
    return engine.Compute(chunk_, *parameters_, {}, false).dense_gradient;
  }

 private:
  EntityTable users_, items_;
  EntityFields user_fields_, item_fields_;
  std::unique_ptr<Recommender> model_;
  std::unique_ptr<MetaMethod> method_;
  std::unique_ptr<BatchBuilder> builder_;
  std::optional<MetaParameters> parameters_;
  Chunk chunk_;
};

int Main(int argc, char** argv) {
  const auto argument = [&](int i, int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  const int64_t dim = argument(1, 256), hidden = argument(2, 1024), tasks = argument(3, 16);
  const int64_t inner_steps = argument(4, 1);
  const auto rounds = static_cast<int>(argument(5, 5));
  at::set_num_threads(1);
  if (argc <= 6 || std::string(argv[6]) != "libtorch") KeepFreedMemory();
  constexpr size_t kForms = 4;
  const char* const kNames[kForms] = {"textbook", "explicit", "auto (factored)", "auto, recompute"};
  std::vector<std::unique_ptr<Workload>> workloads;
  for (const Form form : {Form::kTextbook, Form::kExplicit, Form::kAuto, Form::kRecompute}) {
    workloads.push_back(std::make_unique<Workload>(dim, hidden, tasks, inner_steps, form));
  }
  std::vector<double> peak_mb;
  for (const auto& workload : workloads) {
    peak_mb.push_back(PeakExtraMegabytes([&] { workload->Run(); }));
  }
  const at::Tensor expected = workloads[0]->Run();
  InterleavedRounds timing(rounds, 1.0);
  std::vector<TimedWork> contestants;
  for (size_t f = 0; f < kForms; ++f) {
    contestants.push_back({kNames[f], static_cast<double>(tasks), [&, f] { workloads[f]->Run(); }});
  }
  timing.Run(contestants);
  std::printf("2 Transformer blocks, d=%lld hidden=%lld T=%lld K=%lld S=Q=%lld, float32, 1 core\n",
              static_cast<long long>(dim), static_cast<long long>(hidden),
              static_cast<long long>(tasks), static_cast<long long>(inner_steps),
              static_cast<long long>(kRows));
  std::printf("%-18s %9s %10s %20s %20s %10s\n", "fast weights", "tasks/s", "peak MB",
              "times textbook", "times explicit", "error");
  nlohmann::json json = {{"dim", dim}, {"inner_steps", inner_steps}};
  double largest_error = 0.0;
  for (size_t f = 0; f < kForms; ++f) {
    const double error =
        ((workloads[f]->Run() - expected).abs().max() / expected.abs().max()).item<double>();
    largest_error = std::max(largest_error, error);
    const nlohmann::json textbook = timing.RatioJson(f, 0), plain = timing.RatioJson(f, 1);
    const auto text = [](const nlohmann::json& ratio) {
      return fmt::format("{:.2f} ({:.2f} .. {:.2f})", ratio["median"].get<double>(),
                         ratio["min"].get<double>(), ratio["max"].get<double>());
    };
    std::printf("%-18s %9.1f %10.0f %20s %20s %10.1e\n", kNames[f], timing.Rate(f), peak_mb[f],
                text(textbook).c_str(), text(plain).c_str(), error);
    json[kNames[f]] = {{"times_textbook", textbook},
                       {"times_explicit", plain},
                       {"peak_mb", peak_mb[f]},
                       {"error", error}};
  }
  std::printf("%s\n", json.dump().c_str());
  return largest_error < 1e-4 ? 0 : 1;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }
