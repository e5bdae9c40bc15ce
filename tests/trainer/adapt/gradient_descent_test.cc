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

// y = x with a derivative that autograd cannot differentiate again.
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

// Two layers with such an operator between the second and the loss.
class CutModel : public Recommender {
 public:
  CutModel() : hidden_(layout_, "hidden", 2, 3), output_(layout_, "output", 3, 1) {
    adaptable_ = {hidden_.weight(), hidden_.bias(), output_.weight(), output_.bias()};
    head_ = {output_.weight(), output_.bias()};
  }
  at::Tensor EncodeTasks(const ParameterValues&, const ChunkBatch&,
                         const std::vector<at::Tensor>&) const override {
    return {};
  }
  at::Tensor EncodeItems(const ParameterValues&, const ChunkBatch&,
                         const std::vector<at::Tensor>&) const override {
    return {};
  }
  at::Tensor MakeInputs(const at::Tensor&, const at::Tensor& items) const override { return items; }
  at::Tensor Score(const ParameterValues& values, const at::Tensor& inputs) const override {
    return OnceOnly::Of(output_.Forward(values, hidden_.Forward(values, inputs)).squeeze(2));
  }

 private:
  TaskLinear hidden_, output_;
};

AdaptedTasks AdaptCutModel(MetaOptions::Method kind) {
  MetaOptions options;
  options.method = kind;
  CutModel model;
  const std::unique_ptr<MetaMethod> method = MakeMethod(options, model);
  const auto real = at::TensorOptions().dtype(at::kDouble);
  const ParameterValues theta =
      MakeLeaves(model.layout(), InitializeParameters(model.layout(), 1, real));
  ChunkBatch batch;
  batch.task_count = 1;
  RowBatch& support = batch.support;
  support.entity = at::zeros({1, 2}, at::TensorOptions().dtype(at::kLong));
  support.labels = at::zeros({1, 2}, real).fill_(3.0);
  support.mask = at::zeros({1, 2}, real).fill_(1.0);
  support.inverse_count = at::zeros({1}, real).fill_(0.5);
  const EncodedChunk chunk{.tasks = at::zeros({1, 0}, real),
                           .items = at::zeros({2, 2}, real).fill_(1.0)};
  return method->Adapt(theta, chunk, batch, /*differentiable=*/true);
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

}  // namespace
}  // namespace hearth
