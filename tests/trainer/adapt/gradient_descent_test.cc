#include "trainer/adapt/gradient_descent.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "common/error.h"
#include "tests/trainer/support/plain_head.h"
#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

using torch::autograd::variable_list;

// The operator y = x with a derivative that autograd cannot differentiate again.
class OnceOnly : public torch::autograd::Node {
 public:
  variable_list apply(variable_list&& gradients) override { return {gradients.front().detach()}; }
  std::string name() const override { return "OnceOnly"; }

  static at::Tensor Of(const at::Tensor& x) {
    at::Tensor y = x.detach().clone();
    if (!x.requires_grad()) return y;
    const std::shared_ptr<OnceOnly> node(new OnceOnly, torch::autograd::deleteNode);
    node->set_next_edges(torch::autograd::collect_next_edges(x));
    torch::autograd::set_history(y, node);
    return y;
  }
};

// Two layers with a OnceOnly operator between the second layer and the loss.
class CutModel : public Model {
 public:
  explicit CutModel(ParameterLayout& layout) {
    head_.layers = {TaskLinear(layout, "hidden", 2, 3), TaskLinear(layout, "output", 3, 1)};
    for (const TaskLinear& layer : head_.layers) {
      adaptable_.insert(adaptable_.end(), {layer.weight(), layer.bias()});
    }
  }
  EncodedEntities Encode(const ParameterValues&, const ChunkBatch&,
                         const std::vector<at::Tensor>&) const override {
    return {};
  }
  HeadRows MakeHeadRows(const EncodedRows& rows) const override {
    return {.x = {.x = rows.items}, .shift = {}};
  }
  at::Tensor Score(const ParameterValues& values, const HeadRows& rows,
                   std::vector<LayerTap>* taps) const override {
    return OnceOnly::Of(Model::Score(values, rows, taps));
  }
};

TaskState AdaptCutModel(MetaOptions::Method method) {
  ParameterLayout layout;
  const CutModel model(layout);
  const GradientDescent descent({.method = method}, {}, model, layout);
  const auto real = at::TensorOptions().dtype(at::kDouble);
  const ParameterValues theta = MakeLeaves(layout, InitializeParameters(layout, 1, real));
  ChunkBatch batch;
  batch.task_count = 1;
  LabelledRows support;
  support.rows.entity = at::zeros({1, 2}, at::TensorOptions().dtype(at::kLong));
  support.rows.context = at::zeros({1, 1, 0}, real);
  support.rows.items = at::zeros({1, 2, 2}, real).fill_(1.0);
  support.labels = at::zeros({1, 2}, real).fill_(3.0);
  support.mask = at::zeros({1, 2}, real).fill_(1.0);
  support.inverse_count = at::zeros({1}, real).fill_(0.5);
  return descent.Adapt(theta, {.batch = batch, .support = support, .query = support},
                       Graph::kDifferentiable);
}

TEST(GradientDescent, AnOperatorWithoutASecondDerivativeIsRefusedByName) {
  try {
    AdaptCutModel(MetaOptions::Method::kMaml);
    FAIL() << "not refused";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("OnceOnly"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("fomaml"));
  }
}

TEST(GradientDescent, FirstOrderNeedsNoSecondDerivative) {
  EXPECT_NO_THROW(AdaptCutModel(MetaOptions::Method::kFomaml));
}

// A dense head whose model adapts the given parameters. Parameters: 0 is a scale that no layer has;
// 1 to 4 are the weights and biases of two layers.
class DenseModel : public CutModel {
 public:
  DenseModel(ParameterLayout& layout, std::vector<int64_t> adaptable) : CutModel(layout) {
    adaptable_ = std::move(adaptable);
  }
  const DenseHead* dense_head() const override { return &head_; }
};

TEST(GradientDescent, KernelsAreOfferedOnlyForTheLastLayersInTheirOrder) {
  const auto refusal = [](const std::vector<int64_t>& adaptable) {
    ParameterLayout layout;
    layout.Add({.name = "scale", .shape = {3}});
    const DenseModel model(layout, adaptable);
    return GradientDescent({.method = MetaOptions::Method::kMaml}, {}, model, layout)
        .OffersHeadProgram()
        .refusal;
  };
  EXPECT_EQ(refusal({1, 2, 3, 4}), "");
  EXPECT_EQ(refusal({3, 4}), "");
  for (const std::vector<int64_t>& other :
       {std::vector<int64_t>{1, 2}, {3}, {4, 3}, {0, 1, 2, 3, 4}, {0, 0, 1, 2, 3, 4}}) {
    EXPECT_EQ(refusal(other), "the model adapts other parameters than its last layers")
        << ::testing::PrintToString(other);
  }
}

// ---- the inner loop and its gradient against PlainHead

using Adapt = GradientDescentOptions::Adapt;
using FastWeights = GradientDescentOptions::FastWeights;
using Learn = GradientDescentOptions::LearnInnerLr;
using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;

const at::TensorOptions kReal = at::TensorOptions().dtype(at::kDouble);
const PlainHead kHead{.widths = {2, 3, 4, 1}, .offset = 0.3};

// The head of kHead. The gain is a parameter outside the linear layers.
class GainModel : public Model {
 public:
  explicit GainModel(ParameterLayout& layout) {
    for (int64_t l = 0; l < kHead.layers(); ++l) {
      head_.layers.emplace_back(layout, fmt::format("layer{}", l), kHead.widths[l],
                                kHead.widths[l + 1]);
      adaptable_.insert(adaptable_.end(),
                        {head_.layers.back().weight(), head_.layers.back().bias()});
    }
    adaptable_.push_back(layout.Add({.name = "gain", .shape = {1}}));
    head_.activation = kHead.activation;
    head_.output_offset = kHead.offset;
  }
  EncodedEntities Encode(const ParameterValues&, const ChunkBatch&,
                         const std::vector<at::Tensor>&) const override {
    return {};
  }
  HeadRows MakeHeadRows(const EncodedRows& rows) const override {
    return {.x = {.x = rows.items}, .shift = {}};
  }
  at::Tensor Score(const ParameterValues& values, const HeadRows& rows,
                   std::vector<LayerTap>* taps) const override {
    return Model::Score(values, rows, taps) * values[adaptable_.back()];
  }
};

PlainTask RandomTask(Loss loss, int64_t support, int64_t query, uint64_t seed) {
  RandomStream random(4, Purpose::kTest, seed);
  const auto numbers = [&] {
    return std::vector<double>{random.NextNormal(), random.NextNormal()};
  };
  const auto rows = [&](int64_t count) {
    std::vector<PlainRow> made(count);
    for (PlainRow& row : made) {
      row.x = numbers();
      row.label = static_cast<double>(random.NextBelow(2));
      if (loss == Loss::kBpr) row.negatives = {numbers(), numbers()};
    }
    return made;
  };
  return {.support = rows(support), .query = rows(query)};
}

// Tasks of different lengths: the chunk has padding.
std::vector<PlainTask> RaggedTasks(Loss loss) {
  return {RandomTask(loss, 1, 3, 1), RandomTask(loss, 5, 1, 2), RandomTask(loss, 2, 2, 3)};
}

LabelledRows RowsOf(const std::vector<std::vector<PlainRow>>& tasks) {
  const int64_t count = std::ssize(tasks), in = kHead.widths[0];
  int64_t longest = 0, per_row = 0;
  for (const std::vector<PlainRow>& task : tasks) {
    longest = std::max<int64_t>(longest, std::ssize(task));
    per_row = std::ssize(task.front().negatives);
  }
  const auto fill = [](at::Tensor place, const std::vector<double>& values) {
    for (size_t i = 0; i < values.size(); ++i) place[static_cast<int64_t>(i)] = values[i];
  };
  LabelledRows rows;
  rows.rows.items = at::zeros({count, longest, in}, kReal);
  if (per_row > 0) rows.negatives.items = at::zeros({count, longest * per_row, in}, kReal);
  rows.labels = at::zeros({count, longest}, kReal);
  rows.mask = at::zeros({count, longest}, kReal);
  rows.inverse_count = at::zeros({count}, kReal);
  for (int64_t t = 0; t < count; ++t) {
    rows.inverse_count[t] = 1.0 / static_cast<double>(tasks[t].size());
    for (int64_t r = 0; r < std::ssize(tasks[t]); ++r) {
      const PlainRow& row = tasks[t][r];
      fill(rows.rows.items[t][r], row.x);
      for (int64_t n = 0; n < per_row; ++n) {
        fill(rows.negatives.items[t][r * per_row + n], row.negatives[n]);
      }
      rows.labels[t][r] = row.label;
      rows.mask[t][r] = 1.0;
    }
  }
  return rows;
}

// A method on GainModel, random parameters and random rates, and the same in plain values.
class DescentWorld {
 public:
  DescentWorld(const MetaOptions& meta, const GradientDescentOptions& options)
      : meta_(meta),
        options_(options),
        model_(layout_),
        descent_(meta, options, model_, layout_),
        flat_(InitializeParameters(layout_, 3, kReal)) {
    RandomStream random(9, Purpose::kTest);
    for (int64_t i = 0; i < flat_.numel(); ++i) {
      flat_.mutable_data_ptr<double>()[i] += 0.4 * random.NextNormal();
    }
    At("gain")[0] += 1.0;
    head_.loss = meta.loss;
    tasks_ = RaggedTasks(meta.loss);
  }

  const GradientDescent& descent() const { return descent_; }
  const ParameterLayout& layout() const { return layout_; }
  const PlainHead& head() const { return head_; }
  const std::vector<PlainTask>& tasks() const { return tasks_; }
  int64_t rates_index() const { return layout_.Find("inner_lr.log"); }
  double* At(const std::string& name) {
    return flat_.mutable_data_ptr<double>() + layout_.spec(layout_.Find(name)).offset;
  }

  // The parameters of the head in plain values.
  PlainValues Values() const {
    const ParameterValues views = ViewParameters(layout_, flat_);
    PlainValues values;
    for (const int64_t p : model_.adaptable()) values.push_back(ToDoubles(views[p]));
    return values;
  }

  // Visits all adapting elements in the order of the learned rates: (step, parameter, element,
  // position of its rate in inner_lr.log, or -1).
  void ForEachRate(const std::function<void(size_t, size_t, size_t, int64_t)>& visit) const {
    const bool last_alone = meta_.method == Method::kAnil || options_.adapt == Adapt::kHead;
    const PlainValues shapes = head_.Zeros();
    const size_t first = last_alone ? shapes.size() - 3 : 0;
    const size_t end = last_alone ? shapes.size() - 1 : shapes.size();
    for (size_t k = 0; k < static_cast<size_t>(options_.inner_steps); ++k) {
      int64_t element = 0;
      for (size_t p = first; p < end; ++p) {
        for (size_t i = 0; i < shapes[p].size(); ++i, ++element) {
          int64_t place = -1;
          const auto unit = static_cast<int64_t>(p - first);
          if (options_.learn_inner_lr == Learn::kPerParameter) place = unit;
          if (options_.learn_inner_lr == Learn::kPerParameterAndStep) {
            place = static_cast<int64_t>(k * (end - first)) + unit;
          }
          if (options_.learn_inner_lr == Learn::kPerElement) place = element;
          visit(k, p, i, place);
        }
      }
    }
  }

  PlainLoop Loop() const {
    const double* logs = nullptr;
    if (rates_index() >= 0) {
      logs = flat_.const_data_ptr<double>() + layout_.spec(rates_index()).offset;
    }
    PlainLoop loop{.rates = {}, .support_prior = options_.support_prior};
    loop.rates.assign(options_.inner_steps, head_.Zeros());
    ForEachRate([&](size_t k, size_t p, size_t i, int64_t place) {
      loop.rates[k][p][i] = place < 0 ? options_.inner_lr : std::exp(logs[place]);
    });
    return loop;
  }

  TaskState AdaptTasks(const ParameterValues& theta, Graph graph) const {
    ChunkBatch batch;
    batch.task_count = std::ssize(tasks_);
    std::vector<std::vector<PlainRow>> support, query;
    for (const PlainTask& task : tasks_) {
      support.push_back(task.support);
      query.push_back(task.query);
    }
    return descent_.Adapt(
        theta, {.batch = batch, .support = RowsOf(support), .query = RowsOf(query)}, graph);
  }
  TaskState AdaptTasks() const { return AdaptTasks(ViewParameters(layout_, flat_), Graph::kNone); }

  // The meta-gradient by every parameter, flat, from Adapt and Score.
  std::vector<double> Gradient() const {
    const ParameterValues theta = MakeLeaves(layout_, flat_);
    const TaskState state = AdaptTasks(theta, Graph::kDifferentiable);
    std::vector<std::vector<PlainRow>> query;
    for (const PlainTask& task : tasks_) query.push_back(task.query);
    const LabelledRows rows = RowsOf(query);
    RowScores scores{.rows = descent_.Score(theta, state, {}, rows.rows), .negatives = {}};
    if (rows.negatives.defined()) {
      scores.negatives = descent_.Score(theta, state, {}, rows.negatives);
    }
    const at::Tensor loss = TaskLosses(meta_.loss, scores, rows).sum();
    EXPECT_NEAR(loss.item<double>(), head_.MetaLoss(Values(), tasks_, Loop()), 1e-12);
    return ToDoubles(FlattenGradients(
        layout_, torch::autograd::grad({loss}, theta.tensors(), {}, false, false, true), kReal));
  }

  // Expects that `gradient` is the difference of `loss` by every element of the head.
  void ExpectHeadGradient(const std::vector<double>& gradient,
                          const std::function<double()>& loss) {
    for (const int64_t p : model_.adaptable()) {
      const ParameterSpec& spec = layout_.spec(p);
      for (int64_t i = 0; i < spec.count; ++i) {
        EXPECT_NEAR(gradient[spec.offset + i], DifferenceOf(At(spec.name)[i], loss), 2e-8)
            << spec.name << " " << i;
      }
    }
  }

 private:
  MetaOptions meta_;
  GradientDescentOptions options_;
  ParameterLayout layout_;
  GainModel model_;
  GradientDescent descent_;
  at::Tensor flat_;
  PlainHead head_ = kHead;
  std::vector<PlainTask> tasks_;
};

// Visits every loss with every kind of rates.
void ForEachLossAndRate(const std::function<void(Loss, Learn)>& visit) {
  for (const Loss loss : {Loss::kMse, Loss::kBce, Loss::kBpr}) {
    for (const Learn learn :
         {Learn::kNo, Learn::kPerParameter, Learn::kPerParameterAndStep, Learn::kPerElement}) {
      SCOPED_TRACE(
          fmt::format("loss {}, rates {}", static_cast<int>(loss), static_cast<int>(learn)));
      visit(loss, learn);
    }
  }
}

GradientDescentOptions Descent(Learn learn, FastWeights fast_weights = FastWeights::kAuto,
                               bool recompute = false) {
  return {.inner_steps = 3,
          .inner_lr = 0.2,
          .learn_inner_lr = learn,
          .support_prior = 1.5,
          .fast_weights = fast_weights,
          .recompute = recompute};
}

TEST(GradientDescent, EveryTaskEndsWhereItsPlainInnerLoopEnds) {
  ForEachLossAndRate([](Loss loss, Learn learn) {
    for (const FastWeights form : {FastWeights::kExplicit, FastWeights::kFactored}) {
      const DescentWorld world({.method = Method::kMaml, .loss = loss}, Descent(learn, form));
      const TaskState state = world.AdaptTasks();
      for (size_t t = 0; t < world.tasks().size(); ++t) {
        const PlainValues expected =
            world.head().Adapt(world.Values(), world.tasks()[t].support, world.Loop()).values;
        for (size_t p = 0; p < expected.size(); ++p) {
          const std::string& name = world.layout().spec(static_cast<int64_t>(p)).name;
          ASSERT_NE(state.Find(name), nullptr) << name;
          const at::Tensor& value = *state.Find(name);
          EXPECT_FALSE(value.requires_grad());
          const std::vector<double> actual = ToDoubles(value.select(0, static_cast<int64_t>(t)));
          ASSERT_EQ(actual.size(), expected[p].size()) << name;
          for (size_t i = 0; i < actual.size(); ++i) {
            EXPECT_NEAR(actual[i], expected[p][i], 1e-13) << name << ", task " << t;
          }
        }
      }
    }
  });
}

TEST(GradientDescent, TheLastLayerAloneAdaptsInAnilAndWithAdaptHead) {
  GradientDescentOptions of_head = Descent(Learn::kPerParameterAndStep);
  of_head.adapt = Adapt::kHead;
  for (const bool anil : {true, false}) {
    const DescentWorld world({.method = anil ? Method::kAnil : Method::kMaml},
                             anil ? Descent(Learn::kPerParameterAndStep) : of_head);
    const TaskState state = world.AdaptTasks();
    ASSERT_EQ(state.tensors.size(), 2u);
    for (size_t t = 0; t < world.tasks().size(); ++t) {
      const PlainValues expected =
          world.head().Adapt(world.Values(), world.tasks()[t].support, world.Loop()).values;
      const auto task = static_cast<int64_t>(t);
      const std::vector<double> bias = ToDoubles(state.Find("layer2.bias")->select(0, task));
      const std::vector<double> weight = ToDoubles(state.Find("layer2.weight")->select(0, task));
      EXPECT_NEAR(bias[0], expected[5][0], 1e-13);
      for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(weight[i], expected[4][i], 1e-13);
    }
  }
}

TEST(GradientDescent, TheMetaGradientIsTheDifferenceOfThePlainMetaLoss) {
  ForEachLossAndRate([](Loss loss, Learn learn) {
    for (const Method method : {Method::kMaml, Method::kAnil}) {
      for (const auto& [form, recompute] :
           {std::pair{FastWeights::kExplicit, false}, std::pair{FastWeights::kFactored, true}}) {
        SCOPED_TRACE(fmt::format("method {}, recompute {}", static_cast<int>(method), recompute));
        DescentWorld world({.method = method, .loss = loss}, Descent(learn, form, recompute));
        const std::vector<double> gradient = world.Gradient();
        const auto meta_loss = [&] {
          return world.head().MetaLoss(world.Values(), world.tasks(), world.Loop());
        };
        world.ExpectHeadGradient(gradient, meta_loss);
        if (learn == Learn::kNo) continue;
        const ParameterSpec& logs = world.layout().spec(world.rates_index());
        for (int64_t i = 0; i < logs.count; ++i) {
          EXPECT_NEAR(gradient[logs.offset + i], DifferenceOf(world.At(logs.name)[i], meta_loss),
                      2e-8)
              << "rate " << i;
        }
      }
    }
  });
}

TEST(GradientDescent, TheFirstOrderGradientTakesInnerGradientsForConstants) {
  ForEachLossAndRate([](Loss loss, Learn learn) {
    for (const FastWeights form : {FastWeights::kExplicit, FastWeights::kFactored}) {
      DescentWorld world({.method = Method::kFomaml, .loss = loss}, Descent(learn, form));
      const std::vector<double> gradient = world.Gradient();
      const PlainHead& head = world.head();
      const std::vector<PlainValues> offsets =
          head.OffsetsOf(world.Values(), world.tasks(), world.Loop());
      world.ExpectHeadGradient(
          gradient, [&] { return head.FirstOrderLoss(world.Values(), world.tasks(), offsets); });
      if (learn == Learn::kNo) continue;
      const ParameterSpec& logs = world.layout().spec(world.rates_index());
      std::vector<double> expected(logs.count, 0.0);
      const PlainLoop loop = world.Loop();
      const std::vector<PlainValues> by_rate =
          head.FirstOrderRateGradient(world.Values(), world.tasks(), loop);
      world.ForEachRate([&](size_t k, size_t p, size_t i, int64_t place) {
        expected[place] += loop.rates[k][p][i] * by_rate[k][p][i];  // d / d log a = a d / d a
      });
      for (int64_t i = 0; i < logs.count; ++i) {
        EXPECT_NEAR(gradient[logs.offset + i], expected[i], 1e-12) << "rate " << i;
      }
    }
  });
}

TEST(GradientDescent, AdaptAllIsRefusedForAModelWithoutEncoders) {
  ParameterLayout layout;
  const GainModel model(layout);
  GradientDescentOptions options;
  options.adapt = Adapt::kAll;
  try {
    const GradientDescent descent({}, options, model, layout);
    FAIL() << "not refused";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("meta.adapt=all"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("use meta.adapt=dense"));
  }
  // In anil the last layer adapts, whatever the key says.
  EXPECT_NO_THROW(GradientDescent({.method = Method::kAnil}, options, model, layout));
}

}  // namespace
}  // namespace hearth
