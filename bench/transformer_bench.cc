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
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
#include "common/random.h"
#include "trainer/adapt/gradient_descent.h"
#include "trainer/adapt/task_loss.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/model/data_binding.h"
#include "trainer/model/model.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {
namespace {

constexpr int64_t kItems = 2000, kRows = 10, kBlocks = 2;
constexpr MetaOptions::Loss kLoss = MetaOptions::Loss::kMse;
using FastWeights = GradientDescentOptions::FastWeights;

/// Each block has attention and a dense layer. Both take normalised inputs, and their outputs are
/// added to the inputs.
class Transformer : public Model {
 public:
  Transformer(const InputSchema& schema, int64_t dim, int64_t hidden, ParameterLayout& layout)
      : encoder_(schema.row_fields, dim, 1.0, FieldCombination::kConcatenate, layout, tables_),
        dim_(dim) {
    for (int64_t b = 0; b < kBlocks; ++b) {
      const std::string name = "block" + std::to_string(b) + ".";
      blocks_.push_back({TaskLinear(layout, name + "query", dim, dim),
                         TaskLinear(layout, name + "key", dim, dim),
                         TaskLinear(layout, name + "value", dim, dim),
                         TaskLinear(layout, name + "join", dim, dim),
                         TaskLinear(layout, name + "up", dim, hidden),
                         TaskLinear(layout, name + "down", hidden, dim)});
    }
    head_.layers.emplace_back(layout, "output", dim, 1);
    for (int64_t p = 0; p < layout.parameter_count(); ++p) adaptable_.push_back(p);
  }

  // The owner of a task has a vector of width 0.
  EncodedEntities Encode(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>& rows) const override {
    const at::TensorOptions options = values[0].options().requires_grad(false);
    return {.tasks = at::zeros({batch.tasks.count, 0}, options),
            .items = encoder_.Encode(values, batch.items, rows)};
  }
  HeadRows MakeHeadRows(const EncodedRows& rows) const override {
    return {.x = {.x = rows.items, .id = rows.input_id}, .shift = {}};
  }
  HeadRows Features(const ParameterValues& values, const HeadRows& rows,
                    std::vector<LayerTap>* taps) const override {
    const auto normalised = [&](const at::Tensor& x) { return at::layer_norm(x, {dim_}); };
    at::Tensor x = rows.x.x;
    for (const Block& block : blocks_) {
      const at::Tensor u = normalised(x);
      const at::Tensor match = at::bmm(block.query.Forward(values, u, taps),
                                       block.key.Forward(values, u, taps).transpose(1, 2));
      const at::Tensor weights = at::softmax(match / std::sqrt(static_cast<double>(dim_)), -1);
      const at::Tensor mixed = at::bmm(weights, block.value.Forward(values, u, taps));
      x = x + block.join.Forward(values, mixed, taps);
      const at::Tensor raised = at::gelu(block.up.Forward(values, normalised(x), taps));
      x = x + block.down.Forward(values, raised, taps);
    }
    return {.x = {.x = x}, .shift = {}};
  }

 private:
  struct Block {
    TaskLinear query, key, value, join, up, down;
  };
  FieldEncoder encoder_;
  int64_t dim_;
  std::vector<Block> blocks_;
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

std::shared_ptr<const EntityTable> MakeEntities(int64_t count) {
  EntityTable table;
  for (int64_t e = 0; e < count; ++e) table.ids.push_back(std::to_string(e));
  return std::make_shared<const EntityTable>(std::move(table));
}

// The id of the item is the only field. Every item has a table row of its own.
InputSchema MakeSchema() {
  InputSchema schema;
  schema.catalogue.items = MakeEntities(kItems);
  for (int64_t row = 1; row <= kItems; ++row) schema.catalogue.id_rows.push_back(row);
  schema.row_fields = {{.name = "item.id", .kind = FieldKind::kId, .row_count = kItems + 1}};
  return schema;
}

// Adapts as published: fast weights [tasks, in, out], and autograd gives a gradient of each.
class TextbookDescent : public Adaptation {
 public:
  TextbookDescent(const GradientDescentOptions& options, const Model& model,
                  const ParameterLayout& layout)
      : options_(options), model_(model), layout_(layout) {}

  TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk, Graph) const override {
    const LabelledRows& support = chunk.support;
    const HeadRows rows = model_.MakeHeadRows(support.rows);
    std::vector<at::Tensor> fast;
    for (const at::Tensor& value : theta.tensors()) {
      fast.push_back(ShareAcrossTasks(value, chunk.batch.task_count));
    }
    for (int64_t k = 0; k < options_.inner_steps; ++k) {
      const RowScores scores{.rows = model_.Score(ParameterValues(fast), rows), .negatives = {}};
      const at::Tensor loss = TaskLosses(kLoss, scores, support).sum();
      const std::vector<at::Tensor> gradients =
          torch::autograd::grad({loss}, fast, {}, /*retain_graph=*/true, /*create_graph=*/true);
      for (size_t p = 0; p < fast.size(); ++p) fast[p] = fast[p] - options_.inner_lr * gradients[p];
    }
    TaskState state;
    for (size_t p = 0; p < fast.size(); ++p) state.Add(layout_.specs()[p].name, fast[p]);
    return state;
  }
  at::Tensor Score(const ParameterValues&, const TaskState& state, const ChunkBatch&,
                   const EncodedRows& rows) const override {
    std::vector<at::Tensor> fast;
    for (const NamedTensor& value : state.tensors) fast.push_back(value.tensor);
    return model_.Score(ParameterValues(fast), model_.MakeHeadRows(rows));
  }

 private:
  GradientDescentOptions options_;
  const Model& model_;
  const ParameterLayout& layout_;
};

enum class Form { kTextbook, kExplicit, kAuto, kRecompute };

class Workload {
 public:
  Workload(int64_t dim, int64_t hidden, int64_t tasks, int64_t inner_steps, Form form)
      : schema_(MakeSchema()),
        data_(schema_, MakeEntities(tasks), schema_.catalogue.items, at::kFloat),
        model_(schema_, dim, hidden, layout_) {
    const GradientDescentOptions descent{
        .inner_steps = inner_steps,
        .inner_lr = 0.01,
        .learn_inner_lr = GradientDescentOptions::LearnInnerLr::kNo,
        .fast_weights = form == Form::kExplicit ? FastWeights::kExplicit : FastWeights::kAuto,
        .recompute = form == Form::kRecompute};
    if (form == Form::kTextbook) {
      method_ = std::make_unique<TextbookDescent>(descent, model_, layout_);
    } else {
      const MetaOptions meta{.method = MetaOptions::Method::kMaml, .loss = kLoss};
      method_ = std::make_unique<GradientDescent>(meta, descent, model_, layout_);
    }
    parameters_ = InitializeMetaParameters(layout_, model_.tables(), TableOptimizer::kAdam,
                                           /*seed=*/3, at::kFloat);
    for (int64_t t = 0; t < tasks; ++t) chunk_.task_ids.push_back(t);
    chunk_.support = MakeRows(tasks, 1);
    chunk_.query = MakeRows(tasks, 2);
  }

  // Computes the meta-gradient of the parameters and of the table rows as GenericEngine does, and
  // returns the part of the parameters. A Learner would make its own model, so there is none here.
  at::Tensor Run() const {
    const ChunkBatch batch = data_.builder().Build(chunk_);
    const ParameterValues theta = MakeLeaves(layout_, parameters_.dense);
    std::vector<at::Tensor> inputs = theta.tensors();
    std::vector<at::Tensor> rows = GatherTableRows(parameters_, batch.table_rows);
    for (at::Tensor& table_rows : rows) inputs.push_back(table_rows.requires_grad_(true));
    const EncodedChunk encoded = SelectChunk(model_.Encode(theta, batch, rows), batch);
    const TaskState state = method_->Adapt(theta, encoded, Graph::kDifferentiable);
    const LabelledRows& query = encoded.query;
    const RowScores scores{.rows = method_->Score(theta, state, batch, query.rows),
                           .negatives = {}};
    std::vector<at::Tensor> gradients =
        torch::autograd::grad({TaskLosses(kLoss, scores, query).sum()}, inputs);
    gradients.resize(theta.tensors().size());
    return FlattenGradients(layout_, gradients, parameters_.dense.options());
  }

 private:
  InputSchema schema_;
  DataBinding data_;
  ParameterLayout layout_;
  Transformer model_;
  std::unique_ptr<Adaptation> method_;
  MetaParameters parameters_;
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
