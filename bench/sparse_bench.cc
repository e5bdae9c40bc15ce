// Times the sparse work of an outer step: it looks up the rows of a batch in a large embedding
// table, and takes one row-wise Adagrad step from the gradients of the lookups. It compares hearth
// with LibTorch's sparse embedding and two sparse optimizers, in one process on one core,
// interleaved. The results are compared first.
//   sparse_bench [LOOKUPS] [ROWS] [DIM] [ROUNDS]    defaults 30720 16777216 32 7
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/embedding_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "bench/interleaved.h"
#include "cluster/chunk_sums.h"
#include "cluster/self_communicator.h"
#include "common/id_groups.h"
#include "common/random.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/table/embedding_table.h"

namespace hearth {
namespace {

constexpr double kLr = 0.05, kEpsilon = 1e-8, kZipfExponent = 1.05;
constexpr int64_t kBatches = 16;

// Draws ranks below `count` with P(rank) ~ (rank + 1)^-kZipfExponent, by inversion of the
// continuous law.
class ZipfRanks {
 public:
  explicit ZipfRanks(int64_t count)
      : count_(count), tail_(std::pow(static_cast<double>(count) + 1.0, 1.0 - kZipfExponent)) {}
  int64_t Draw(RandomStream& random) const {
    const double mass = 1.0 - random.NextDouble() * (1.0 - tail_);
    const double rank = std::pow(mass, 1.0 / (1.0 - kZipfExponent)) - 1.0;
    return std::min(static_cast<int64_t>(rank), count_ - 1);
  }

 private:
  int64_t count_;
  double tail_;
};

struct Batch {
  std::vector<int64_t> ids;
  at::Tensor id_tensor;  // int64 [lookup]
  at::Tensor gradient;  // [lookup, dim], shared by all batches: a backward pass leaves it in caches
};

at::Tensor MakeGradient(int64_t lookups, int64_t dim) {
  at::Tensor gradient = at::empty({lookups, dim}, at::kFloat);
  RandomStream random(2, Purpose::kTest);
  auto* values = gradient.mutable_data_ptr<float>();
  for (int64_t i = 0; i < gradient.numel(); ++i) {
    values[i] = static_cast<float>(0.01 * random.NextNormal());
  }
  return gradient;
}

// The popular rows lie anywhere in the table.
std::vector<Batch> MakeBatches(int64_t lookups, int64_t rows, int64_t dim) {
  const ZipfRanks zipf(rows);
  const at::Tensor gradient = MakeGradient(lookups, dim);
  std::vector<Batch> batches(kBatches);
  for (int64_t b = 0; b < kBatches; ++b) {
    RandomStream random(1, Purpose::kTest, static_cast<uint64_t>(b));
    Batch& batch = batches[static_cast<size_t>(b)];
    for (int64_t i = 0; i < lookups; ++i) {
      const auto rank = static_cast<uint64_t>(zipf.Draw(random));
      batch.ids.push_back(static_cast<int64_t>((rank * 0x9e3779b97f4a7c15u) >> 11) % rows);
    }
    batch.id_tensor = at::from_blob(batch.ids.data(), {lookups}, at::kLong).clone();
    batch.gradient = gradient;
  }
  return batches;
}

// Each step of hearth returns the rows of all lookups and updates the table.
class HearthTable {
 public:
  explicit HearthTable(const TableSpec& spec)
      : table_(spec, TableOptimizer::kAdagrad, /*seed=*/1, at::kFloat),
        exact_sum_({.tables = {{spec.dim, RowPartition(spec.row_count, 1), false}}}) {}

  at::Tensor Step(const Batch& batch) {
    at::Tensor result = table_.Gather(batch.ids);
    table_.Apply(batch.ids, batch.gradient, kLr, /*l2=*/0.0);
    return result;
  }
  // Sums duplicates as training does: in the chunk (here the batch), and then in fixed point.
  // Training needs the whole gradient before it steps, for its norm and for equal bits on any
  // number of ranks.
  at::Tensor StepExact(const Batch& batch) {
    at::Tensor result = table_.Gather(batch.ids);
    const IdGroups groups(batch.ids);
    std::vector<float> chunk(static_cast<size_t>(groups.size() * table_.dim()));
    SumRowsByGroup(groups, batch.gradient.const_data_ptr<float>(), table_.dim(), std::identity(),
                   chunk.data());
    exact_sum_.AddRows(0, groups.ids(), chunk);
    exact_sum_.EndChunk();
    SparseRows<float> sum = std::move(
        exact_sum_.Reduce(this_process_, /*global_chunk_count=*/1, nullptr, nullptr).rows[0]);
    table_.Apply(sum.ids, at::from_blob(sum.rows.data(), {groups.size(), table_.dim()}, at::kFloat),
                 kLr,
                 /*l2=*/0.0);
    return result;
  }
  const EmbeddingTable& table() const { return table_; }

 private:
  EmbeddingTable table_;
  SelfCommunicator this_process_;
  ChunkSums<float> exact_sum_;
};

// Uses LibTorch's Embedding(sparse=True): look-up, sparse gradient, and coalesce to sum duplicates.
class LibTorchTable {
 public:
  LibTorchTable(const at::Tensor& rows, const at::Tensor& state) : rows_(rows), state_(state) {}

  at::Tensor Gather(const Batch& batch) const { return at::embedding(rows_, batch.id_tensor); }
  at::Tensor Gradient(const Batch& batch) const {
    return at::embedding_backward(batch.gradient, batch.id_tensor, rows_.size(0),
                                  /*padding_idx=*/-1, /*scale_grad_by_freq=*/false,
                                  /*sparse=*/true)
        .coalesce();
  }
  // Row-wise Adagrad has one number of state per row, so it touches the same bytes as hearth.
  at::Tensor StepRowWise(const Batch& batch) {
    at::Tensor result = Gather(batch);
    const at::Tensor gradient = Gradient(batch);
    const at::Tensor index = gradient.indices().select(0, 0), g = gradient.values();
    const at::Tensor second = state_.index_select(0, index) + (g * g).mean(1);
    state_.index_copy_(0, index, second);
    const at::Tensor step = g / (second.sqrt() + kEpsilon).unsqueeze(1);
    rows_.index_copy_(0, index, rows_.index_select(0, index) - step * kLr);
    return result;
  }
  // This is torch.optim.Adagrad for sparse gradients, which has one number of state per element.
  at::Tensor StepElementWise(const Batch& batch) {
    at::Tensor result = Gather(batch);
    const at::Tensor gradient = Gradient(batch);
    const auto with = [&](const at::Tensor& values) {
      return at::_sparse_coo_tensor_unsafe(gradient.indices(), values, gradient.sizes(),
                                           values.options().layout(at::kSparse))
          ._coalesced_(true);
    };
    state_.add_(with(gradient.values().pow(2)));
    const at::Tensor deviation = state_.sparse_mask(gradient).values().sqrt_().add_(kEpsilon);
    rows_.add_(with(gradient.values() / deviation), -kLr);
    return result;
  }
  const at::Tensor& rows() const { return rows_; }

 private:
  at::Tensor rows_, state_;
};

// Copies all rows of a table in the order of ids. EmbeddingTable::rows() has another order
// (RowPartition).
at::Tensor CopyRowsById(const EmbeddingTable& table, int64_t row_count) {
  std::vector<int64_t> ids(static_cast<size_t>(row_count));
  std::iota(ids.begin(), ids.end(), int64_t{0});
  return table.Gather(ids);
}

// Returns the largest difference of the rows that the batches touch, divided by their largest
// element.
double RelativeError(const EmbeddingTable& actual, const at::Tensor& expected,
                     const std::vector<Batch>& batches) {
  double error = 0.0, largest = 0.0;
  for (const Batch& batch : batches) {
    const at::Tensor rows = expected.index_select(0, batch.id_tensor);
    error = std::max(error, (actual.Gather(batch.ids) - rows).abs().max().item<double>());
    largest = std::max(largest, rows.abs().max().item<double>());
  }
  return error / largest;
}

// A ratio is the rate of the first contestant divided by the rate of another. `about` describes the
// workload.
void Report(const InterleavedRounds& timing, const std::vector<TimedWork>& contestants,
            nlohmann::json about) {
  std::printf("%s\n%-40s %10s   %s\n", about.dump().c_str(), "", "ms/step",
              "hearth is faster by (range of the rounds)");
  for (size_t i = 0; i < contestants.size(); ++i) {
    const nlohmann::json ratio = timing.RatioJson(0, i);
    std::printf("%-40s %10.3f   %.2fx (%.2f to %.2f)\n", contestants[i].name.c_str(),
                1e3 / timing.Rate(i), ratio["median"].get<double>(), ratio["min"].get<double>(),
                ratio["max"].get<double>());
    about["contestants"].push_back({{"name", contestants[i].name},
                                    {"step_sec", 1.0 / timing.Rate(i)},
                                    {"hearth_ratio", ratio}});
  }
  std::printf("%s\n", about.dump().c_str());
}

int Main(int argc, char** argv) {
  const int64_t lookups = argc > 1 ? std::atoll(argv[1]) : 30720;
  const int64_t rows = argc > 2 ? std::atoll(argv[2]) : int64_t{1} << 24;
  const int64_t dim = argc > 3 ? std::atoll(argv[3]) : 32;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 7;
  at::set_num_threads(1);
  KeepFreedMemory();
  const c10::InferenceMode no_graphs;
  HearthTable hearth({.name = "item.id", .row_count = rows, .dim = dim, .init_scale = 0.05});
  LibTorchTable row_wise(CopyRowsById(hearth.table(), rows), at::zeros({rows}));
  LibTorchTable element_wise(row_wise.rows().clone(), at::zeros({rows, dim}));
  const std::vector<Batch> batches = MakeBatches(lookups, rows, dim);
  int64_t distinct = 0;
  for (const Batch& batch : batches) {
    hearth.Step(batch);
    row_wise.StepRowWise(batch);
    distinct += IdGroups(batch.ids).size();
  }
  const double error = RelativeError(hearth.table(), row_wise.rows(), batches);

  size_t turn = 0;
  const auto next = [&]() -> const Batch& { return batches[turn++ % batches.size()]; };
  const std::vector<TimedWork> contestants = {
      {"hearth, row-wise Adagrad", 1.0, [&] { hearth.Step(next()); }},
      {"hearth, the same by exact sums", 1.0, [&] { hearth.StepExact(next()); }},
      {"LibTorch sparse, row-wise Adagrad", 1.0, [&] { row_wise.StepRowWise(next()); }},
      {"LibTorch sparse, Adagrad per element", 1.0, [&] { element_wise.StepElementWise(next()); }}};
  InterleavedRounds timing(rounds, 1.0);
  timing.Run(contestants);
  Report(timing, contestants,
         {{"lookups", lookups},
          {"zipf", kZipfExponent},
          {"distinct", distinct / kBatches},
          {"rows", rows},
          {"dim", dim},
          {"error", error}});
  return error < 1e-5 ? 0 : 1;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }
