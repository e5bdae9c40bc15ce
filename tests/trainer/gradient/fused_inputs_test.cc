#include "trainer/gradient/fused_inputs.h"

#include <cmath>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/plain_head.h"
#include "tests/trainer/support/small_head.h"
#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

using Matrix = std::vector<std::vector<double>>;

struct Case {
  const char* name;
  ModelOptions::Type type;
  int64_t below;  // layers of the head that do not adapt
};

LearnerOptions OptionsOf(const Case& c) {
  LearnerOptions options;
  options.model.type = c.type;
  options.model.dim = 3;
  options.model.layers = {4, 5};
  options.model.activation = ModelOptions::Activation::kTanh;
  options.model.init_scale = 0.5;
  return options;
}

Matrix MatrixOf(const at::Tensor& tensor) {
  Matrix rows;
  for (int64_t r = 0; r < tensor.size(0); ++r) rows.push_back(ToDoubles(tensor[r]));
  return rows;
}

std::vector<double> Times(const std::vector<double>& x, const Matrix& w) {
  std::vector<double> product(w.front().size(), 0.0);
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = 0; j < product.size(); ++j) product[j] += x[i] * w[i][j];
  }
  return product;
}

class HeadInputsTest : public ::testing::TestWithParam<Case> {
 protected:
  HeadInputsTest()
      : world_(OptionsOf(GetParam()), at::kDouble),
        chunk_(SmallWorld::MakeChunk(5, false, 0, 3)),
        batch_(world_.builder().Build(chunk_)) {}

  // The rows of the chunk without padding: the support rows of a task, then its query rows.
  HeadChunk Packed() const {
    HeadChunk head;
    head.begin = {0};
    for (int64_t t = 0; t < chunk_.task_count(); ++t) {
      for (const bool support : {true, false}) {
        const TaskRows& rows = support ? chunk_.support : chunk_.query;
        const at::Tensor entity = (support ? batch_.support : batch_.query).entity[t];
        for (int64_t r = 0; r < rows.offsets[t + 1] - rows.offsets[t]; ++r) {
          head.item.push_back(entity[r].item<int64_t>());
        }
        if (support) head.support.push_back(std::ssize(head.item) - head.begin.back());
      }
      head.begin.push_back(std::ssize(head.item));
    }
    return head;
  }
  std::unique_ptr<HeadInputs> Inputs() {
    return MakeHeadInputs(world_.learner(), GetParam().below, batch_,
                          GatherTableRows(world_.parameters(), batch_.table_rows),
                          world_.parameters().dense);
  }
  Matrix Parameter(int64_t index) {
    return MatrixOf(ViewParameters(world_.learner().layout(), world_.parameters().dense)[index]);
  }
  const DenseHead& head() const { return *world_.learner().model().dense_head(); }

  mutable SmallWorld world_;
  Chunk chunk_;
  ChunkBatch batch_;
};

INSTANTIATE_TEST_SUITE_P(, HeadInputsTest,
                         ::testing::Values(Case{"mlp", ModelOptions::Type::kEmbeddingMlp, 0},
                                           Case{"mlp_below1", ModelOptions::Type::kEmbeddingMlp, 1},
                                           Case{"mlp_below2", ModelOptions::Type::kEmbeddingMlp, 2},
                                           Case{"dot", ModelOptions::Type::kEmbeddingDot, 0}),
                         [](const auto& test) { return test.param.name; });

TEST_P(HeadInputsTest, EveryRowHasItsOwnInputsAndTheirProductWithTheFirstAdaptedWeight) {
  HeadChunk packed = Packed();
  const std::vector<int64_t> entity = packed.item;
  Inputs()->Forward(packed);

  const Learner& learner = world_.learner();
  const MetaParameters& parameters = world_.parameters();
  const ParameterValues theta = ViewParameters(learner.layout(), parameters.dense);
  const EncodedEntities encoded =
      learner.model().Encode(theta, batch_, GatherTableRows(parameters, batch_.table_rows));
  const Matrix weight = Parameter(head().layers[GetParam().below].weight());
  const Matrix tasks = MatrixOf(packed.tasks), items = MatrixOf(packed.items);
  const Matrix task_start = MatrixOf(packed.task_start), item_start = MatrixOf(packed.item_start);
  for (int64_t t = 0; t < chunk_.task_count(); ++t) {
    for (int64_t r = packed.begin[t]; r < packed.begin[t + 1]; ++r) {
      SCOPED_TRACE(::testing::Message() << "task " << t << ", row " << r);
      const HeadRows row =
          learner.model().MakeHeadRows({.context = encoded.tasks[t].view({1, 1, -1}),
                                        .items = encoded.items[entity[r]].view({1, 1, -1})});
      std::vector<double> expected = ToDoubles(row.x.x);
      for (int64_t l = 0; l < GetParam().below; ++l) {
        std::vector<double> z = Times(expected, Parameter(head().layers[l].weight()));
        const std::vector<double> bias = ToDoubles(theta[head().layers[l].bias()]);
        for (size_t j = 0; j < z.size(); ++j) z[j] = std::tanh(z[j] + bias[j]);
        expected = z;
      }
      std::vector<double> x = tasks[t];
      x.insert(x.end(), items[packed.item[r]].begin(), items[packed.item[r]].end());
      ASSERT_EQ(x.size(), expected.size());
      for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], expected[i], 1e-14);
      const std::vector<double> start = Times(expected, weight);
      for (size_t j = 0; j < start.size(); ++j) {
        EXPECT_NEAR(task_start[t][j] + item_start[packed.item[r]][j], start[j], 1e-14);
      }
      EXPECT_EQ(packed.shift.defined(), row.shift.defined());
      if (row.shift.defined()) {
        EXPECT_NEAR(packed.shift[r].item<double>(), row.shift.item<double>(), 1e-14);
      }
    }
  }
}

// A weighted sum of all inputs is a loss with known gradients by the inputs.
TEST_P(HeadInputsTest, BackwardIsTheDifferenceOfAWeightedSumOfTheInputs) {
  HeadChunk first = Packed();
  const std::unique_ptr<HeadInputs> inputs = Inputs();
  inputs->Forward(first);
  const auto weights = [](const at::Tensor& tensor, uint64_t seed) {
    return FromDoubles(Random(tensor.numel(), 1.0, seed), tensor.sizes(), at::kDouble);
  };
  HeadChunkGradient by_inputs{.tasks = weights(first.tasks, 21),
                              .items = weights(first.items, 22),
                              .task_start = weights(first.task_start, 23),
                              .item_start = weights(first.item_start, 24),
                              .shift = {},
                              .tail = {},
                              .rates = {},
                              .losses = {}};
  if (first.shift.defined()) by_inputs.shift = weights(first.shift, 25);
  const auto loss = [&] {
    HeadChunk head = Packed();
    Inputs()->Forward(head);
    // Where each row has an item of its own there is no vector or start of tasks.
    double sum = (head.tasks * by_inputs.tasks).sum().item<double>() +
                 (head.items * by_inputs.items).sum().item<double>() +
                 (head.task_start * by_inputs.task_start).sum().item<double>() +
                 (head.item_start * by_inputs.item_start).sum().item<double>();
    if (head.shift.defined()) sum += (head.shift * by_inputs.shift).sum().item<double>();
    return sum;
  };
  ChunkResult result;
  result.dense_gradient = at::zeros_like(world_.parameters().dense);
  inputs->Backward(by_inputs, result);

  auto* dense = world_.parameters().dense.mutable_data_ptr<double>();
  for (const ParameterSpec& spec : world_.learner().layout().specs()) {
    for (int64_t i = spec.offset; i < spec.offset + spec.count; ++i) {
      EXPECT_NEAR(result.dense_gradient[i].item<double>(), DifferenceOf(dense[i], loss), 1e-7)
          << spec.name << " " << i - spec.offset;
    }
  }
  ASSERT_EQ(result.row_gradients.size(), batch_.table_rows.size());
  for (size_t t = 0; t < batch_.table_rows.size(); ++t) {
    EmbeddingTable& table = world_.parameters().tables[t];
    for (int64_t r = 0; r < std::ssize(batch_.table_rows[t]); ++r) {
      double* row = table.rows().mutable_data_ptr<double>() +
                    table.LocalRowOf(batch_.table_rows[t][r]) * table.dim();
      for (int64_t d = 0; d < table.dim(); ++d) {
        EXPECT_NEAR(result.row_gradients[t][r][d].item<double>(), DifferenceOf(row[d], loss), 1e-7)
            << table.name() << " row " << batch_.table_rows[t][r];
      }
    }
  }
}

}  // namespace
}  // namespace hearth
