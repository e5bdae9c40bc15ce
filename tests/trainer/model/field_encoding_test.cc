#include "trainer/model/field_encoding.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/model/field_keys.h"

namespace hearth {
namespace {

constexpr int64_t kDim = 5;
constexpr double kTolerance = 1e-14;

at::TensorOptions Float64() { return at::TensorOptions().dtype(at::kDouble); }

at::Tensor Ids(const std::vector<int64_t>& ids) {
  return at::tensor(at::ArrayRef<int64_t>(ids), at::TensorOptions().dtype(at::kLong));
}

// Three entities with three fields: one id each (two entities share an id), a list of ids (one list
// is empty), and two numbers.
class FieldEncodingTest : public ::testing::Test {
 protected:
  FieldEncodingTest() {
    batch_.count = 3;
    batch_.fields.resize(3);
    batch_.fields[0].index = Ids({1, 0, 1});
    batch_.fields[1].index = Ids({0, 2, 3, 2});
    batch_.fields[1].segment = Ids({0, 0, 2, 2});
    batch_.fields[1].inverse_count = at::tensor({0.5, 0.0, 0.5}, Float64()).unsqueeze(1);
    batch_.fields[2].numbers = at::randn({3, 2}, Float64());
    // The same batch in the form of dense maps.
    maps_ = {at::zeros({3, 2}, Float64()), at::zeros({3, 4}, Float64()), batch_.fields[2].numbers};
    for (int64_t e = 0; e < 3; ++e) maps_[0][e][e == 1 ? 0 : 1] = 1.0;
    maps_[1][0][0] = maps_[1][0][2] = maps_[1][2][3] = maps_[1][2][2] = 0.5;
    parts_ = RandomParts();
  }

  std::vector<at::Tensor> RandomParts() const {
    std::vector<at::Tensor> parts;
    for (const at::Tensor& map : maps_) parts.push_back(at::randn({map.size(1), kDim}, Float64()));
    return parts;
  }
  std::vector<at::Tensor> Zeros() const {
    std::vector<at::Tensor> zeros;
    for (const at::Tensor& part : parts_) zeros.push_back(at::zeros_like(part));
    return zeros;
  }
  at::Tensor Dense(const std::vector<at::Tensor>& parts, FieldCombination combination) const {
    std::vector<at::Tensor> vectors;
    for (size_t f = 0; f < parts.size(); ++f) vectors.push_back(at::mm(maps_[f], parts[f]));
    if (combination == FieldCombination::kConcatenate) return at::cat(vectors, 1);
    return vectors[0] + vectors[1] + vectors[2];
  }
  static void ExpectNear(const at::Tensor& actual, const at::Tensor& expected) {
    EXPECT_LT((actual - expected).abs().max().item<double>(), kTolerance);
  }

  EntityBatch batch_;
  std::vector<at::Tensor> maps_;   // [field] [entity, part row]
  std::vector<at::Tensor> parts_;  // [field] [part row, dim]
};

TEST_F(FieldEncodingTest, IsTheMeanOfRowsAndTheProjectionOfNumbers) {
  for (const auto combination : {FieldCombination::kConcatenate, FieldCombination::kSum}) {
    ExpectNear(EncodeFields(batch_, parts_, combination), Dense(parts_, combination));
  }
}

TEST_F(FieldEncodingTest, DifferentiatesOnceAndTwice) {
  for (const auto combination : {FieldCombination::kConcatenate, FieldCombination::kSum}) {
    for (at::Tensor& part : parts_) part.requires_grad_(true);
    const at::Tensor factor = at::randn_like(Dense(parts_, combination)).requires_grad_(true);
    const auto gradients_of = [&](const at::Tensor& vectors) {
      return torch::autograd::grad({(vectors * vectors * factor).sum()}, parts_, {}, true, true);
    };
    const auto actual = gradients_of(EncodeFields(batch_, parts_, combination));
    const auto expected = gradients_of(Dense(parts_, combination));
    const auto second_of = [&](const std::vector<at::Tensor>& first) {
      std::vector<at::Tensor> inputs = parts_;
      inputs.push_back(factor);
      at::Tensor sum = (first[0] * first[0]).sum();
      for (size_t f = 1; f < first.size(); ++f) sum = sum + (first[f] * first[f]).sum();
      return torch::autograd::grad({sum}, inputs, {}, true);
    };
    const auto actual_second = second_of(actual), expected_second = second_of(expected);
    for (size_t f = 0; f < actual.size(); ++f) ExpectNear(actual[f], expected[f]);
    for (size_t i = 0; i < actual_second.size(); ++i) {
      EXPECT_LT((actual_second[i] - expected_second[i]).abs().max().item<double>(), 1e-11);
    }
  }
}

TEST_F(FieldEncodingTest, ProductsWithAWeightAndTheirGradientsAreThoseOfTheVectors) {
  const FieldEncoding encoding(batch_, FieldCombination::kConcatenate);
  const at::Tensor weight = at::randn({3 * kDim, 4}, Float64()).requires_grad_(true);
  for (at::Tensor& part : parts_) part.requires_grad_(true);
  const at::Tensor expected = at::mm(Dense(parts_, FieldCombination::kConcatenate), weight);
  const at::Tensor gradient = at::randn_like(expected.detach());
  std::vector<at::Tensor> inputs = parts_;
  inputs.push_back(weight);
  const auto expected_gradients = torch::autograd::grad({expected}, inputs, {gradient});

  const at::NoGradGuard no_grad;
  ExpectNear(encoding.ApplyTimes(parts_, weight), expected);
  std::vector<at::Tensor> gradients = Zeros();
  at::Tensor weight_gradient = at::zeros_like(weight);
  encoding.AddTimesAdjoint(parts_, weight, gradient, gradients, weight_gradient);
  for (size_t f = 0; f < gradients.size(); ++f) ExpectNear(gradients[f], expected_gradients[f]);
  ExpectNear(weight_gradient, expected_gradients.back());
}

// The table rows of the batch's categorical fields: index i names row 10 + 3 i.
std::vector<std::vector<int64_t>> TableRows() { return {{10, 13}, {10, 13, 16, 19}}; }

TEST_F(FieldEncodingTest, GramsAreProductsOfTheMapsOfPairs) {
  const at::Tensor left = Ids({0, 1, 2, 2}).view({2, 2}), right = Ids({2, 0}).view({2, 1});
  const std::vector<FieldKeys> left_keys = KeysOf(batch_, TableRows(), left);
  const std::vector<FieldKeys> right_keys = KeysOf(batch_, TableRows(), right);
  for (size_t f = 0; f < maps_.size(); ++f) {
    const at::Tensor gram = FieldGram(left_keys[f], right_keys[f], Float64());
    const at::Tensor all = at::mm(maps_[f], maps_[f].t());
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t i = 0; i < 2; ++i) {
        EXPECT_NEAR(gram[n][i][0].item<double>(),
                    all[left[n][i].item<int64_t>()][right[n][0].item<int64_t>()].item<double>(),
                    kTolerance);
      }
    }
  }
}

TEST_F(FieldEncodingTest, KeysAreTableRowsOfAnyChunk) {
  const std::vector<FieldKeys> keys = KeysOf(batch_, TableRows(), Ids({0, 1, 2}).view({1, 3}));
  EXPECT_TRUE(at::equal(keys[0].ids.view({-1}), Ids({13, 10, 13})));
  EXPECT_FALSE(keys[0].weights.defined());
  EXPECT_TRUE(at::equal(keys[1].ids.view({3, 2}), Ids({10, 16, -1, -1, 19, 16}).view({3, 2})));
  EXPECT_TRUE(at::equal(keys[1].weights.view({-1}), at::tensor({0.5, 0.0, 0.5}, Float64())));
  EXPECT_TRUE(at::equal(keys[2].numbers.view({3, 2}), batch_.fields[2].numbers));
}

}  // namespace
}  // namespace hearth
