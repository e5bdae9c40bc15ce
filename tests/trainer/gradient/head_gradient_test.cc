// The kernels of the host against PlainHead, which forms every weight of every task.
#include "trainer/gradient/head_gradient.h"

#include <cmath>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/plain_head.h"
#include "tests/trainer/support/small_head.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using Activation = HeadShape::Activation;
using Rows = std::vector<std::pair<int64_t, int64_t>>;  // {support, query} of each task

constexpr double kOffset = 0.4;

struct Case {
  std::vector<int64_t> widths;  // widths of the input and of the hidden layers
  Activation activation;
  HeadShape::Loss loss;
  int steps;
  bool second_order, with_shift;
  Rows rows;

  HeadShape Shape() const {
    HeadShape shape;
    shape.layer_count = static_cast<int>(widths.size());
    std::copy(widths.begin(), widths.end(), shape.width);
    shape.width[widths.size()] = 1;
    shape.activation = activation;
    shape.loss = loss;
    shape.inner_steps = steps;
    shape.second_order = second_order;
    shape.rate_gradient = true;
    return shape;
  }
};

PlainHead HeadOf(const HeadShape& shape) {
  PlainHead head{.widths = {shape.width, shape.width + shape.layer_count + 1}, .offset = kOffset};
  using Plain = ModelOptions::Activation;
  constexpr Plain kActivations[] = {Plain::kRelu, Plain::kGelu, Plain::kTanh, Plain::kIdentity};
  head.activation = kActivations[static_cast<int>(shape.activation)];
  if (shape.loss == HeadShape::Loss::kBce) head.loss = MetaOptions::Loss::kBce;
  return head;
}

// A head with an explicit W_0, its chunk of tasks, and the same in plain values.
class HeadWorld {
 public:
  explicit HeadWorld(const Case& c)
      : shape_(c.Shape()),
        head_(HeadOf(shape_)),
        chunk_(MakeHeadChunk(shape_, c.rows, c.with_shift)),
        values_(head_.Zeros()),
        rates_(MakeRates(shape_, 0.15)) {
    values_.back()[0] = 1.0;
    const std::vector<double> tail = MakeTail(shape_);
    values_[0] = Random(shape_.width[0] * shape_.width[1], 0.5, 9);
    ForEachOfTail([&](size_t p, size_t i, int64_t place) { values_[p][i] = tail[place]; });
    tasks_ = ToDoubles(chunk_.tasks);
    items_ = ToDoubles(chunk_.items);
    if (c.with_shift) shift_ = ToDoubles(chunk_.shift);
  }

  // Visits each parameter but W_0: (parameter, element, place in the tail).
  void ForEachOfTail(const std::function<void(size_t, size_t, int64_t)>& visit) const {
    for (int l = 0; l < shape_.layer_count; ++l) {
      const int64_t in = shape_.width[l], out = shape_.width[l + 1];
      for (int64_t j = 0; j < out; ++j) visit(2 * l + 1, j, shape_.bias_offset(l) + j);
      for (int64_t i = 0; l > 0 && i < in; ++i) {
        const int64_t row = shape_.is_output(l) ? i : i * shape_.out(l);
        for (int64_t j = 0; j < out; ++j)
          visit(2 * l, i * out + j, shape_.weight_offset(l) + row + j);
      }
    }
  }

  HeadChunkGradient Differentiate() {
    const int64_t a = TaskWidth(), b = ItemWidth(), out = shape_.width[1];
    const auto times = [&](const std::vector<double>& x, const at::Tensor& start, int64_t width,
                           int64_t first_row) {
      std::vector<double> product(start.numel(), 0.0);
      for (int64_t i = 0; i < std::ssize(x); ++i) {
        for (int64_t j = 0; j < out; ++j) {
          product[i / width * out + j] += x[i] * values_[0][(first_row + i % width) * out + j];
        }
      }
      return FromDoubles(product, start.sizes(), at::kDouble);
    };
    chunk_.task_start = times(tasks_, chunk_.task_start, a, 0);
    chunk_.item_start = times(items_, chunk_.item_start, b, a);
    std::vector<double> tail(shape_.tail_size(), 0.0);
    ForEachOfTail([&](size_t p, size_t i, int64_t place) { tail[place] = values_[p][i]; });
    return DifferentiateHead(shape_, tail, rates_, kOffset, chunk_);
  }

  std::vector<PlainTask> Tasks() const {
    std::vector<PlainTask> tasks;
    for (int64_t t = 0; t < std::ssize(chunk_.support); ++t) {
      PlainTask task;
      for (int64_t r = chunk_.begin[t]; r < chunk_.begin[t + 1]; ++r) {
        PlainRow row{.x = {}, .label = chunk_.labels[r], .shift = shift_.empty() ? 0.0 : shift_[r]};
        const auto append = [&](const std::vector<double>& from, int64_t width, int64_t index) {
          row.x.insert(row.x.end(), from.begin() + index * width,
                       from.begin() + (index + 1) * width);
        };
        append(tasks_, TaskWidth(), t);
        append(items_, ItemWidth(), chunk_.item[r]);
        (r - chunk_.begin[t] < chunk_.support[t] ? task.support : task.query).push_back(row);
      }
      tasks.push_back(task);
    }
    return tasks;
  }
  PlainLoop Loop() const {
    PlainLoop loop{.rates = {}, .support_prior = chunk_.support_prior};
    for (int k = 0; k < shape_.inner_steps; ++k) {
      loop.rates.push_back(head_.Zeros());
      for (int p = 0; p < shape_.rate_count(); ++p) {
        for (double& rate : loop.rates[k][p]) rate = rates_[k * shape_.rate_count() + p];
      }
    }
    return loop;
  }

  // The loss whose difference the gradient is.
  std::function<double()> Loss() {
    if (shape_.second_order) return [this] { return head_.MetaLoss(values_, Tasks(), Loop()); };
    const std::vector<PlainValues> offsets = head_.OffsetsOf(values_, Tasks(), Loop());
    return [this, offsets] { return head_.FirstOrderLoss(values_, Tasks(), offsets); };
  }

  int64_t TaskWidth() const { return chunk_.tasks.size(1); }
  int64_t ItemWidth() const { return chunk_.items.size(1); }

  HeadShape shape_;
  PlainHead head_;
  HeadChunk chunk_;
  PlainValues values_;
  std::vector<double> rates_, tasks_, items_, shift_;
};

// The gradient of the vectors of tasks or items: their own, and the way through W_0.
std::vector<double> VectorGradient(const HeadWorld& world, const at::Tensor& own,
                                   const at::Tensor& start, int64_t first_row) {
  std::vector<double> gradient = ToDoubles(own);
  const std::vector<double> through = ToDoubles(start);
  const int64_t width = own.size(1), out = world.shape_.width[1];
  for (int64_t i = 0; i < std::ssize(gradient); ++i) {
    for (int64_t j = 0; j < out; ++j) {
      gradient[i] +=
          through[i / width * out + j] * world.values_[0][(first_row + i % width) * out + j];
    }
  }
  return gradient;
}

// The gradient of W_0: the vectors times the gradients of the starts.
std::vector<double> FirstWeightGradient(const HeadWorld& world, const HeadChunkGradient& result) {
  const int64_t out = world.shape_.width[1];
  std::vector<double> gradient(world.shape_.width[0] * out, 0.0);
  const auto add = [&](const std::vector<double>& x, int64_t width, const at::Tensor& start,
                       int64_t first_row) {
    const std::vector<double> by_start = ToDoubles(start);
    for (int64_t i = 0; i < std::ssize(x); ++i) {
      for (int64_t j = 0; j < out; ++j) {
        gradient[(first_row + i % width) * out + j] += x[i] * by_start[i / width * out + j];
      }
    }
  };
  add(world.tasks_, world.TaskWidth(), result.task_start, 0);
  add(world.items_, world.ItemWidth(), result.item_start, world.TaskWidth());
  return gradient;
}

void ExpectDifferences(const char* what, std::vector<double>& values,
                       const std::vector<double>& gradient, const std::function<double()>& loss) {
  ASSERT_EQ(values.size(), gradient.size()) << what;
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(gradient[i], DifferenceOf(values[i], loss, 3e-6), 1e-7) << what << " " << i;
  }
}

std::vector<Case> AllCases() {
  const Rows ragged = {{1, 2}, {4, 1}, {3, 3}};
  std::vector<Case> cases;
  for (const bool second_order : {true, false}) {
    for (const auto activation :
         {Activation::kRelu, Activation::kGelu, Activation::kTanh, Activation::kIdentity}) {
      const auto loss =
          activation == Activation::kGelu ? HeadShape::Loss::kMse : HeadShape::Loss::kBce;
      cases.push_back({{3, 4}, activation, loss, 1, second_order, false, ragged});
      cases.push_back({{6, 3, 2}, activation, loss, 3, second_order, false, ragged});
    }
    for (const int steps : {0, 1, 3}) {
      cases.push_back(
          {{5}, Activation::kTanh, HeadShape::Loss::kMse, steps, second_order, true, ragged});
      cases.push_back({{3, 2, 17, 2},
                       Activation::kTanh,
                       HeadShape::Loss::kMse,
                       steps,
                       second_order,
                       false,
                       {{2, 1}, {1, 1}}});
    }
    // The task vector has width 0, as in the layers above others.
    cases.push_back(
        {{2, 3}, Activation::kTanh, HeadShape::Loss::kMse, 2, second_order, false, ragged});
  }
  return cases;
}

std::string NameOf(const ::testing::TestParamInfo<Case>& test) {
  const Case& c = test.param;
  return fmt::format("{}_layers{}_in{}_activation{}_{}_steps{}",
                     c.second_order ? "second" : "first", c.widths.size(), c.widths[0],
                     static_cast<int>(c.activation),
                     c.loss == HeadShape::Loss::kMse ? "mse" : "bce", c.steps);
}

class HeadGradientOfEveryShape : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(, HeadGradientOfEveryShape, ::testing::ValuesIn(AllCases()), NameOf);

TEST_P(HeadGradientOfEveryShape, IsTheDifferenceOfThePlainLoss) {
  HeadWorld world(GetParam());
  const HeadChunkGradient result = world.Differentiate();
  const PlainLoop loop = world.Loop();
  const std::vector<PlainTask> tasks = world.Tasks();
  for (size_t t = 0; t < tasks.size(); ++t) {
    EXPECT_NEAR(result.losses[t], world.head_.MetaLoss(world.values_, {tasks[t]}, loop), 1e-13);
  }
  const std::function<double()> loss = world.Loss();
  ExpectDifferences("W_0", world.values_[0], FirstWeightGradient(world, result), loss);
  world.ForEachOfTail([&](size_t p, size_t i, int64_t place) {
    EXPECT_NEAR(result.tail[place], DifferenceOf(world.values_[p][i], loss, 3e-6), 1e-7)
        << "parameter " << p << " " << i;
  });
  ExpectDifferences("tasks", world.tasks_,
                    VectorGradient(world, result.tasks, result.task_start, 0), loss);
  ExpectDifferences("items", world.items_,
                    VectorGradient(world, result.items, result.item_start, world.TaskWidth()),
                    loss);
  if (!world.shift_.empty()) {
    ExpectDifferences("shift", world.shift_, ToDoubles(result.shift), loss);
  }
}

TEST_P(HeadGradientOfEveryShape, OfTheRatesIsTheDifferenceOrTheFirstOrderProduct) {
  HeadWorld world(GetParam());
  const HeadChunkGradient result = world.Differentiate();
  ASSERT_EQ(result.rates.size(), world.rates_.size());
  if (GetParam().second_order) {
    ExpectDifferences("rates", world.rates_, result.rates, world.Loss());
    return;
  }
  const std::vector<PlainValues> by_rate =
      world.head_.FirstOrderRateGradient(world.values_, world.Tasks(), world.Loop());
  for (size_t i = 0; i < result.rates.size(); ++i) {
    const size_t count = world.shape_.rate_count();
    double expected = 0.0;
    for (const double element : by_rate[i / count][i % count]) expected += element;
    EXPECT_NEAR(result.rates[i], expected, 1e-13) << "rate " << i;
  }
}

// The memory of a thread is reused from task to task and from chunk to chunk.
TEST(HeadGradient, AChunkIsTheSumOfItsTasksAloneInAnyOrder) {
  const Rows rows = {{30, 1}, {1, 20}, {2, 2}, {17, 16}};
  const Case c{{6, 5, 3}, Activation::kGelu, HeadShape::Loss::kBce, 3, true, true, rows};
  const HeadShape shape = c.Shape();
  const HeadChunk chunk = MakeHeadChunk(shape, rows, /*with_shift=*/true);
  const std::vector<double> tail = MakeTail(shape), rates = MakeRates(shape, 0.1);
  const HeadChunkGradient all = DifferentiateHead(shape, tail, rates, kOffset, chunk);
  HeadChunkGradient sum{.tasks = {},
                        .items = at::zeros_like(chunk.items),
                        .task_start = {},
                        .item_start = at::zeros_like(chunk.item_start),
                        .shift = {},
                        .tail = std::vector<double>(tail.size(), 0.0),
                        .rates = std::vector<double>(rates.size(), 0.0),
                        .losses = {}};
  for (int64_t t = std::ssize(rows) - 1; t >= 0; --t) {
    const int64_t begin = chunk.begin[t], end = chunk.begin[t + 1];
    const HeadChunk alone{.tasks = chunk.tasks.narrow(0, t, 1),
                          .items = chunk.items,
                          .task_start = chunk.task_start.narrow(0, t, 1),
                          .item_start = chunk.item_start,
                          .shift = chunk.shift.narrow(0, begin, end - begin),
                          .item = {chunk.item.begin() + begin, chunk.item.begin() + end},
                          .begin = {0, end - begin},
                          .support = {chunk.support[t]},
                          .labels = {chunk.labels.begin() + begin, chunk.labels.begin() + end},
                          .support_prior = chunk.support_prior};
    const HeadChunkGradient one = DifferentiateHead(shape, tail, rates, kOffset, alone);
    EXPECT_EQ(one.losses[0], all.losses[t]);
    EXPECT_EQ(ToDoubles(one.tasks), ToDoubles(all.tasks.narrow(0, t, 1)));
    EXPECT_EQ(ToDoubles(one.task_start), ToDoubles(all.task_start.narrow(0, t, 1)));
    EXPECT_EQ(ToDoubles(one.shift), ToDoubles(all.shift.narrow(0, begin, end - begin)));
    sum.items.add_(one.items);
    sum.item_start.add_(one.item_start);
    for (size_t i = 0; i < tail.size(); ++i) sum.tail[i] += one.tail[i];
    for (size_t i = 0; i < rates.size(); ++i) sum.rates[i] += one.rates[i];
  }
  EXPECT_LT((sum.items - all.items).abs().max().item<double>(), 1e-14);
  EXPECT_LT((sum.item_start - all.item_start).abs().max().item<double>(), 1e-14);
  for (size_t i = 0; i < tail.size(); ++i) EXPECT_NEAR(sum.tail[i], all.tail[i], 1e-14);
  for (size_t i = 0; i < rates.size(); ++i) EXPECT_NEAR(sum.rates[i], all.rates[i], 1e-14);
}

// Nothing adapts where all support rows are answered exactly.
TEST(HeadGradient, WithoutAnErrorInTheSupportTheInnerLoopStandsStill) {
  Case c{{4, 3}, Activation::kTanh, HeadShape::Loss::kMse, 3, true, false, {{3, 2}, {1, 4}}};
  HeadWorld world(c);
  const std::vector<PlainTask> tasks = world.Tasks();
  for (size_t t = 0; t < tasks.size(); ++t) {
    for (size_t r = 0; r < tasks[t].support.size(); ++r) {
      world.chunk_.labels[world.chunk_.begin[t] + r] =
          world.head_.Score(world.values_, tasks[t].support[r].x, 0.0);
    }
  }
  const HeadChunkGradient adapted = world.Differentiate();
  world.shape_.inner_steps = 0;
  const HeadChunkGradient base = world.Differentiate();
  for (size_t t = 0; t < tasks.size(); ++t) {
    EXPECT_NEAR(adapted.losses[t], base.losses[t], 1e-13);
  }
  for (const double rate : adapted.rates) EXPECT_NEAR(rate, 0.0, 1e-13);
}

TEST(HeadGradient, ATaskThatIsNotFiniteSpoilsNoOtherTask) {
  const Rows rows = {{3, 2}, {2, 1}, {4, 2}};
  const Case c{{6, 5}, Activation::kRelu, HeadShape::Loss::kMse, 2, true, false, rows};
  const HeadShape shape = c.Shape();
  HeadChunk chunk = MakeHeadChunk(shape, rows, false);
  const std::vector<double> tail = MakeTail(shape), rates = MakeRates(shape, 0.1);
  const HeadChunkGradient clean = DifferentiateHead(shape, tail, rates, kOffset, chunk);
  chunk.labels[chunk.begin[1]] = std::nan("");
  const HeadChunkGradient spoiled = DifferentiateHead(shape, tail, rates, kOffset, chunk);
  EXPECT_TRUE(std::isnan(spoiled.losses[1]));
  for (const int64_t t : {0, 2}) {
    EXPECT_EQ(spoiled.losses[t], clean.losses[t]);
    EXPECT_EQ(ToDoubles(spoiled.tasks[t]), ToDoubles(clean.tasks[t]));
    EXPECT_EQ(ToDoubles(spoiled.task_start[t]), ToDoubles(clean.task_start[t]));
  }
}

}  // namespace
}  // namespace hearth
