#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ops/zeros.h>

#include "common/random.h"
#include "trainer/gradient/fused_chunk.h"

namespace hearth {

inline std::vector<double> Random(int64_t count, double scale, uint64_t seed) {
  RandomStream random(3, Purpose::kTest, seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(scale * random.NextNormal());
  return values;
}

inline at::Tensor RandomMatrix(int64_t rows, int64_t width, uint64_t seed) {
  const std::vector<double> values = Random(rows * width, 0.5, seed);
  at::Tensor matrix = at::zeros({rows, width}, at::kDouble);
  std::copy(values.begin(), values.end(), matrix.mutable_data_ptr<double>());
  return matrix;
}

/// Makes the parameters of a head; the padding is zero.
inline std::vector<double> MakeTail(const HeadShape& shape) {
  const std::vector<double> values = Random(shape.tail_size(), 0.3, 6);
  std::vector<double> tail(values.size(), 0.0);
  const auto keep = [&](int64_t begin, int64_t count) {
    std::copy_n(values.begin() + begin, count, tail.begin() + begin);
  };
  for (int l = 0; l < shape.layer_count; ++l) {
    const int64_t in = shape.width[l], out = shape.width[l + 1];
    keep(shape.bias_offset(l), out);
    if (shape.is_output(l)) keep(shape.weight_offset(l), in);
    if (l == 0 || shape.is_output(l)) continue;
    for (int64_t i = 0; i < in; ++i) keep(shape.weight_offset(l) + i * shape.out(l), out);
  }
  return tail;
}

/// Makes inner rates around `mean`.
inline std::vector<double> MakeRates(const HeadShape& shape, double mean) {
  std::vector<double> rates = Random(shape.inner_steps * shape.rate_count(), 0.3 * mean, 7);
  for (double& rate : rates) rate += mean;
  return rates;
}

/// Makes tasks with the given numbers of {support, query} rows; the tasks share seven items. Two
/// thirds of the input belong to the item.
inline HeadChunk MakeHeadChunk(const HeadShape& shape,
                               const std::vector<std::pair<int64_t, int64_t>>& tasks,
                               bool with_shift) {
  constexpr int64_t kItems = 7;
  const int64_t task_width = shape.width[0] / 3, item_width = shape.width[0] - task_width;
  HeadChunk chunk;
  chunk.begin = {0};
  for (const auto& [support, query] : tasks) {
    chunk.support.push_back(support);
    for (int64_t r = 0; r < support + query; ++r) {
      chunk.item.push_back((5 * std::ssize(chunk.item) + support) % kItems);
      chunk.labels.push_back(static_cast<double>(r % 2));
    }
    chunk.begin.push_back(std::ssize(chunk.item));
  }
  const int64_t task_count = std::ssize(tasks);
  chunk.tasks = RandomMatrix(task_count, task_width, 1);
  chunk.items = RandomMatrix(kItems, item_width, 2);
  chunk.task_start = RandomMatrix(task_count, shape.width[1], 3);
  chunk.item_start = RandomMatrix(kItems, shape.width[1], 4);
  if (with_shift) chunk.shift = RandomMatrix(chunk.begin.back(), 1, 5).view({-1});
  chunk.support_prior = 1.5;
  return chunk;
}

}  // namespace hearth
