#include "trainer/gradient/head_chunk.h"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/relative_error.h"
#include "tests/trainer/support/small_head.h"
#include "tests/trainer/support/thread_lanes.h"
#include "trainer/gradient/device_math.h"

namespace hearth {
namespace {

constexpr int kLanes = 4;
constexpr double kOffset = 0.4;

struct Case {
  std::vector<int64_t> widths;  // widths of the input and of the hidden layers
  HeadShape::Activation activation;
  HeadShape::Loss loss;

  HeadShape Shape(int steps, bool second_order, bool rate_gradient) const {
    HeadShape shape;
    shape.layer_count = static_cast<int>(widths.size());
    std::copy(widths.begin(), widths.end(), shape.width);
    shape.width[widths.size()] = 1;
    shape.activation = activation;
    shape.loss = loss;
    shape.inner_steps = steps;
    shape.second_order = second_order;
    shape.rate_gradient = rate_gradient;
    return shape;
  }
};

// Returns memory aligned to 64 bytes.
at::Tensor Memory(int64_t count) { return at::zeros({count}, at::kDouble); }

// Runs HeadChunkTask on several lanes and sums its results in the way of a device.
class LanesRun {
 public:
  LanesRun(const HeadShape& shape, const HeadChunk& chunk)
      : shape_(shape),
        chunk_(chunk),
        row_start_(at::zeros({Rows(), shape.out(0)}, at::kDouble)),
        row_item_(at::zeros({Rows(), HeadShape::Padded(chunk.items.size(1))}, at::kDouble)),
        task_vector_(at::zeros_like(chunk.tasks)),
        task_start_(at::zeros_like(chunk.task_start)),
        shared_(at::zeros({Tasks(), HeadChunkMemory<double>::SharedSize(shape)}, at::kDouble)),
        loss_(Memory(Tasks())) {}

  void Run(const HeadParameters<double>& parameters) {
    using Task = HeadChunkTask<double, DeviceMath<double, ThreadLanes>>;
    const HeadChunkMemory<double> memory = MakeMemory();
    at::Tensor scratch = Memory(Task::ScratchSize(shape_, chunk_.items.size(1), 5, 4));
    at::Tensor tangent = Memory(HeadWorkspace<double>::TangentSize(shape_, 5, 4));
    ThreadLanes::Run(kLanes, [&](const ThreadLanes& lanes) {
      Task task(shape_, parameters, memory, DeviceMath<double, ThreadLanes>(lanes));
      for (int64_t t = Tasks() - 1; t >= 0; --t) {
        task.Run(t, scratch.mutable_data_ptr<double>(), tangent.mutable_data_ptr<double>());
      }
    });
  }

  void ExpectAgrees(const HeadChunkGradient& expected) const {
    const double tolerance = 1e-12;
    EXPECT_LT(RelativeError(task_vector_, expected.tasks), tolerance);
    EXPECT_LT(RelativeError(task_start_, expected.task_start), tolerance);
    EXPECT_LT(RelativeError(SumByItem(row_start_, shape_.width[1]), expected.item_start),
              tolerance);
    EXPECT_LT(RelativeError(SumByItem(row_item_, chunk_.items.size(1)), expected.items), tolerance);
    if (expected.shift.defined()) {
      EXPECT_LT(RelativeError(row_start_.select(1, 0), expected.shift), tolerance);
    }
    std::vector<double> shared = expected.tail;
    if (shape_.rate_gradient) {
      shared.insert(shared.end(), expected.rates.begin(), expected.rates.end());
    }
    const auto size = std::ssize(shared);
    EXPECT_LT(RelativeError(shared_.sum(0).narrow(0, 0, size), AsTensor(shared)), tolerance);
    EXPECT_LT(RelativeError(loss_, AsTensor(expected.losses)), tolerance);
  }

 private:
  int64_t Rows() const { return chunk_.begin.back(); }
  int64_t Tasks() const { return std::ssize(chunk_.support); }

  HeadChunkMemory<double> MakeMemory() {
    return {.tasks = chunk_.tasks.const_data_ptr<double>(),
            .items = chunk_.items.const_data_ptr<double>(),
            .task_start = chunk_.task_start.const_data_ptr<double>(),
            .item_start = chunk_.item_start.const_data_ptr<double>(),
            .shift = chunk_.shift.defined() ? chunk_.shift.const_data_ptr<double>() : nullptr,
            .labels = chunk_.labels.data(),
            .item = chunk_.item.data(),
            .begin = chunk_.begin.data(),
            .support = chunk_.support.data(),
            .task_width = chunk_.tasks.size(1),
            .item_width = chunk_.items.size(1),
            .support_prior = chunk_.support_prior,
            .row_start = row_start_.mutable_data_ptr<double>(),
            .row_item = row_item_.mutable_data_ptr<double>(),
            .task_vector = task_vector_.mutable_data_ptr<double>(),
            .task_start_sum = task_start_.mutable_data_ptr<double>(),
            .shared = shared_.mutable_data_ptr<double>(),
            .loss = loss_.mutable_data_ptr<double>()};
  }

  static at::Tensor AsTensor(const std::vector<double>& values) {
    at::Tensor tensor = Memory(std::ssize(values));
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<double>());
    return tensor;
  }

  at::Tensor SumByItem(const at::Tensor& rows, int64_t width) const {
    at::Tensor sums = at::zeros({chunk_.items.size(0), width}, at::kDouble);
    for (int64_t r = 0; r < Rows(); ++r) {
      sums.select(0, chunk_.item[r]).add_(rows.select(0, r).narrow(0, 0, width));
    }
    return sums;
  }

  const HeadShape& shape_;
  const HeadChunk& chunk_;
  at::Tensor row_start_, row_item_, task_vector_, task_start_, shared_, loss_;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const std::vector<int64_t>& widths :
       std::vector<std::vector<int64_t>>{{9}, {9, 17}, {20, 6, 5}, {12, 9, 16, 5}}) {
    for (const auto activation : {HeadShape::Activation::kRelu, HeadShape::Activation::kGelu,
                                  HeadShape::Activation::kTanh, HeadShape::Activation::kIdentity}) {
      for (const auto loss : {HeadShape::Loss::kMse, HeadShape::Loss::kBce}) {
        cases.push_back({widths, activation, loss});
      }
    }
  }
  return cases;
}

std::string NameOf(const ::testing::TestParamInfo<Case>& test) {
  constexpr const char* kActivations[] = {"relu", "gelu", "tanh", "identity"};
  return fmt::format("{}_{}_{}", test.param.widths.size(),
                     kActivations[static_cast<size_t>(test.param.activation)],
                     test.param.loss == HeadShape::Loss::kMse ? "mse" : "bce");
}

class HeadChunkTaskOfEveryShape : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(, HeadChunkTaskOfEveryShape, ::testing::ValuesIn(AllCases()), NameOf);

TEST_P(HeadChunkTaskOfEveryShape, SeveralLanesDoWhatTheEngineDoesOnOneThread) {
  for (const int steps : {0, 1, 2, 3}) {
    for (const bool second_order : {true, false}) {
      for (const bool rate_gradient : {true, false}) {
        SCOPED_TRACE(
            fmt::format("{} steps, second order {}, rates {}", steps, second_order, rate_gradient));
        const HeadShape shape = GetParam().Shape(steps, second_order, rate_gradient);
        const HeadChunk chunk =
            MakeHeadChunk(shape, {{1, 2}, {5, 1}, {3, 4}}, /*with_shift=*/steps % 2 == 1);
        const std::vector<double> tail = MakeTail(shape), rates = MakeRates(shape, 0.1);
        LanesRun run(shape, chunk);
        run.Run({tail.data(), rates.data(), kOffset});
        run.ExpectAgrees(DifferentiateHead(shape, tail, rates, kOffset, chunk));
      }
    }
  }
}

}  // namespace
}  // namespace hearth
