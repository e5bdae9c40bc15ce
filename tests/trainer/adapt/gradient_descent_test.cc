#include "trainer/adapt/gradient_descent.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "common/error.h"
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

}  // namespace
}  // namespace hearth
