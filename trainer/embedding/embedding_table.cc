#include "trainer/embedding/embedding_table.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"

namespace hearth {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

at::Tensor IdTensor(const std::vector<int64_t>& ids, const at::Tensor& like) {
  return at::from_blob(const_cast<int64_t*>(ids.data()), {static_cast<int64_t>(ids.size())},
                       at::TensorOptions().dtype(at::kLong))
      .to(like.device(), at::kLong, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor StartRows(const TableSpec& spec, uint64_t seed) {
  at::Tensor rows = at::empty({spec.row_count, spec.dim}, at::TensorOptions().dtype(at::kDouble));
  auto* values = rows.mutable_data_ptr<double>();
  const uint64_t table = Xxh3(spec.name.data(), spec.name.size());
  for (int64_t r = 0; r < spec.row_count; ++r) {
    RandomStream random(seed, Purpose::kTableInit, table, static_cast<uint64_t>(r));
    for (int64_t d = 0; d < spec.dim; ++d) *values++ = spec.init_scale * random.NextNormal();
  }
  return rows;
}

}  // namespace

EmbeddingTable::EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                               at::TensorOptions options)
    : name_(spec.name),
      optimizer_(optimizer),
      rows_(StartRows(spec, seed).to(options)),
      second_moment_(at::zeros({spec.row_count}, options)),
      age_(at::zeros({spec.row_count}, options)) {
  if (optimizer == TableOptimizer::kAdam) first_moment_ = at::zeros_like(rows_);
}

at::Tensor EmbeddingTable::Gather(const std::vector<int64_t>& ids) const {
  return at::index_select(rows_, 0, IdTensor(ids, rows_));
}

void EmbeddingTable::Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr,
                           double l2) {
  if (ids.empty()) return;
  const at::Tensor index = IdTensor(ids, rows_);
  const at::Tensor old = rows_.index_select(0, index);
  const at::Tensor g = l2 > 0.0 ? gradient + old * l2 : gradient;
  const at::Tensor square = g.pow(2).mean(1);
  const at::Tensor age = age_.index_select(0, index) + 1.0;
  age_.index_copy_(0, index, age);
  at::Tensor second = second_moment_.index_select(0, index);
  at::Tensor step;
  if (optimizer_ == TableOptimizer::kAdagrad) {
    second = second + square;
    step = g / (second.sqrt() + kEpsilon).unsqueeze(1);
  } else {
    second = second * kBeta2 + square * (1.0 - kBeta2);
    const at::Tensor first = first_moment_.index_select(0, index) * kBeta1 + g * (1.0 - kBeta1);
    first_moment_.index_copy_(0, index, first);
    const at::Tensor correction1 = 1.0 - at::pow(kBeta1, age);
    const at::Tensor correction2 = 1.0 - at::pow(kBeta2, age);
    const at::Tensor scale = (second / correction2).sqrt() + kEpsilon;
    step = first / (correction1 * scale).unsqueeze(1);
  }
  second_moment_.index_copy_(0, index, second);
  rows_.index_copy_(0, index, old - step * lr);
}

std::vector<at::Tensor> GatherTableRows(const MetaParameters& parameters,
                                        const std::vector<std::vector<int64_t>>& table_rows) {
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    rows.push_back(parameters.tables[t].Gather(table_rows[t]));
  }
  return rows;
}

MetaParameters InitializeMetaParameters(const Recommender& model, TableOptimizer optimizer,
                                        uint64_t seed, at::TensorOptions options) {
  MetaParameters parameters{.dense = InitializeParameters(model.layout(), seed, options),
                            .tables = {}};
  for (const TableSpec& spec : model.tables()) {
    parameters.tables.emplace_back(spec, optimizer, seed, options);
  }
  return parameters;
}

}  // namespace hearth
