// Meta-gradient of a recommender with a Transformer over a task's rows, all weights adapting,
// second order: the generic engine with factored fast weights against explicit ones, [tasks, in,
// out]. One core, one process, interleaved; the two gradients are compared in the same run. Peak
// memory is that of a child process that computes one gradient.
//   transformer_bench [DIM] [HIDDEN] [TASKS] [INNER_STEPS] [ROUNDS]     defaults 256 1024 16 1 5
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/interleaved.h"
#include "common/error.h"
#include "common/random.h"
#include "trainer/engine/generic_engine.h"
#include "trainer/model/field_encoder.h"

namespace hearth {
namespace {

constexpr int64_t kItems = 2000, kRows = 10, kBlocks = 2;
using FastWeights = MetaOptions::FastWeights;

/// Attention and a dense layer per block, each on normalised inputs and added to them.
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

class Workload {
 public:
  Workload(int64_t dim, int64_t hidden, int64_t tasks, int64_t inner_steps,
           FastWeights fast_weights)
      : users_(MakeEntities(tasks)),
        items_(MakeEntities(kItems)),
        user_fields_(users_, "user", {}),
        item_fields_(items_, "item", {}) {
    item_fields_.AddIdField(std::vector<int64_t>(kItems, 5), 1);
    model_ = std::make_unique<TransformerRecommender>(item_fields_, dim, hidden);
    const MetaOptions meta{.inner_steps = inner_steps,
                           .inner_lr = 0.01,
                           .learn_inner_lr = MetaOptions::LearnInnerLr::kNo,
                           .fast_weights = fast_weights};
    method_ = MakeMethod(meta, *model_);
    const auto options = at::TensorOptions().dtype(at::kFloat);
    builder_ = std::make_unique<BatchBuilder>(user_fields_, item_fields_, options);
    parameters_.emplace(InitializeMetaParameters(*model_, TableOptimizer::kAdam, 3, options));
    for (int64_t t = 0; t < tasks; ++t) chunk_.task_ids.push_back(t);
    chunk_.support = MakeRows(tasks, 1);
    chunk_.query = MakeRows(tasks, 2);
  }

  at::Tensor Run() const {
    const GenericEngine engine({*model_, *method_, *builder_, MetaOptions::Loss::kMse});
    return engine.Compute(chunk_, *parameters_, false).dense_gradient;
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

// Growth of the peak resident set of a child that runs once, MB.
double PeakMemory(const Workload& workload) {
  int pipe_ends[2];
  HEARTH_CHECK(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  HEARTH_CHECK(child >= 0);
  if (child == 0) {
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    workload.Run();
    getrusage(RUSAGE_SELF, &after);
    const double grown = static_cast<double>(after.ru_maxrss - before.ru_maxrss) / 1024.0;
    const bool written = write(pipe_ends[1], &grown, sizeof(grown)) == sizeof(grown);
    _exit(written ? 0 : 1);
  }
  double grown = 0.0;
  HEARTH_CHECK(read(pipe_ends[0], &grown, sizeof(grown)) == sizeof(grown));
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  return grown;
}

int Main(int argc, char** argv) {
  const auto argument = [&](int i, int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  const int64_t dim = argument(1, 256), hidden = argument(2, 1024), tasks = argument(3, 16);
  const int64_t inner_steps = argument(4, 1);
  const auto rounds = static_cast<int>(argument(5, 5));
  at::set_num_threads(1);
  const Workload factored(dim, hidden, tasks, inner_steps, FastWeights::kAuto);
  const Workload plain(dim, hidden, tasks, inner_steps, FastWeights::kExplicit);
  // Before anything has run here: a child starts with the peak of its parent.
  const double factored_mb = PeakMemory(factored), plain_mb = PeakMemory(plain);
  const at::Tensor expected = plain.Run();
  const double error =
      ((factored.Run() - expected).abs().max() / expected.abs().max()).item<double>();

  InterleavedRounds timing(rounds, 1.0);
  const auto items = static_cast<double>(tasks);
  timing.Run(
      {{"factored", items, [&] { factored.Run(); }}, {"explicit", items, [&] { plain.Run(); }}});
  const nlohmann::json ratio = timing.RatioJson(0, 1);
  std::printf("2 Transformer blocks, d=%lld hidden=%lld T=%lld K=%lld S=Q=%lld, float32, 1 core\n",
              static_cast<long long>(dim), static_cast<long long>(hidden),
              static_cast<long long>(tasks), static_cast<long long>(inner_steps),
              static_cast<long long>(kRows));
  std::printf("%-24s %10s %16s\n", "fast weights", "tasks/s", "peak memory, MB");
  std::printf("%-24s %10.1f %16.0f\n", "explicit", timing.Rate(1), plain_mb);
  std::printf("%-24s %10.1f %16.0f\n", "auto (factored)", timing.Rate(0), factored_mb);
  std::printf("factored / explicit: %.2fx (rounds %.2f .. %.2f), difference %.1e\n",
              ratio["median"].get<double>(), ratio["min"].get<double>(), ratio["max"].get<double>(),
              error);
  const nlohmann::json json = {{"dim", dim},
                               {"inner_steps", inner_steps},
                               {"ratio", ratio},
                               {"factored_mb", factored_mb},
                               {"explicit_mb", plain_mb},
                               {"difference", error}};
  std::printf("%s\n", json.dump().c_str());
  return error < 1e-4 ? 0 : 1;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }
