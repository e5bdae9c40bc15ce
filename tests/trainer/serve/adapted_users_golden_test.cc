// Folders of adapted users that earlier versions wrote stay readable.

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "storage/file/file_descriptor.h"
#include "storage/file/hdf5.h"
#include "tests/tools/message_of.h"
#include "tests/tools/paths.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/serve/adapted_users.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kBaseCheckpoint[] = "/runs/tiny/checkpoints/step-000007";
const std::string kBaseHash = std::string(64, 'b');

using Adapt = GradientDescentOptions::Adapt;

/// The files in tests/trainer/golden/adapted-users-v2 were written when version 2 was current, and
/// are never written again. They hold two users, one of the golden data set and one that is new to
/// it. Values are a function of their places.
class GoldenAdaptedUsers : public ::testing::TestWithParam<Adapt> {
 protected:
  GoldenAdaptedUsers()
      : dataset_({.path = testing::SourcePath("tests/storage/golden/dataset-v1")}),
        on_data_(dataset_, {.model = Model(), .meta = {}, .descent = {.adapt = GetParam()}},
                 at::TensorOptions().dtype(at::kDouble)),
        parameters_(on_data_.learner.InitialParameters(TableOptimizer::kAdam, /*seed=*/3)) {}

  static ModelOptions Model() {
    ModelOptions model;
    model.dim = 2;
    model.layers = {3};
    model.min_item_events = 0;
    return model;
  }
  static bool AdaptsRows() { return GetParam() == Adapt::kAll; }
  static std::string Folder() {
    return testing::SourcePath(std::string("tests/trainer/golden/adapted-users-v2/") +
                               (AdaptsRows() ? "all" : "dense"));
  }

  /// Value number i in the tensor `name` of a user.
  static double ValueAt(int64_t user, const std::string& name, int64_t i) {
    return 100.0 * static_cast<double>(user + 1) + static_cast<double>(name.size()) +
           0.25 * static_cast<double>(i);
  }
  static at::Tensor ValuesOf(int64_t user, const std::string& name, at::IntArrayRef shape) {
    at::Tensor values = at::zeros(shape, at::kDouble);
    for (int64_t i = 0; i < values.numel(); ++i) {
      values.mutable_data_ptr<double>()[i] = ValueAt(user, name, i);
    }
    return values;
  }
  static std::vector<int64_t> RowsOf(int64_t user, const TableSpec& table) {
    if (user == 0) return {0, table.row_count - 1};
    return table.name.starts_with("user") ? std::vector<int64_t>{} : std::vector<int64_t>{1};
  }

  AdaptedUsers Load(const std::string& base_hash) const {
    return LoadAdaptedUsers(Folder(), on_data_.learner, on_data_.data, parameters_, base_hash);
  }
  const Learner& learner() const { return on_data_.learner; }

  Dataset dataset_;
  LearnerOfDataset on_data_;
  MetaParameters parameters_;
};

INSTANTIATE_TEST_SUITE_P(, GoldenAdaptedUsers, ::testing::Values(Adapt::kDense, Adapt::kAll),
                         [](const auto& test) {
                           return test.param == Adapt::kAll ? "all" : "dense";
                         });

void ExpectNear(const at::Tensor& actual, const at::Tensor& expected, const std::string& name) {
  ASSERT_EQ(actual.sizes().vec(), expected.sizes().vec()) << name;
  const std::vector<double> a = ToDoubles(actual), b = ToDoubles(expected);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9) << name << " " << i;
}

TEST_P(GoldenAdaptedUsers, Version2LoadsWithEveryValue) {
  const AdaptedUsers users = Load(kBaseHash);
  EXPECT_EQ(users.base_checkpoint, kBaseCheckpoint);
  EXPECT_EQ(users.base_hash, kBaseHash);
  ASSERT_EQ(users.users.size(), 2u);
  ASSERT_EQ(users.states.size(), 2u);
  EXPECT_EQ(users.users[0].user, "u2");
  EXPECT_EQ(users.users[0].owner, 2);
  EXPECT_THAT(users.users[0].items, ElementsAre(4, 0, 1));
  EXPECT_EQ(users.users[1].user, "nobody");
  EXPECT_EQ(users.users[1].owner, kUnknownEntity);
  EXPECT_THAT(users.users[1].items, ElementsAre(5));
  const ParameterValues theta = ViewParameters(learner().layout(), parameters_.dense);
  for (const int64_t u : {0, 1}) {
    const TaskState& state = users.states[u];
    for (const int64_t p : learner().model().adaptable()) {
      const ParameterSpec& spec = learner().layout().spec(p);
      std::vector<int64_t> shape = spec.shape;
      shape.insert(shape.begin(), 1);
      ASSERT_NE(state.Find(spec.name), nullptr) << spec.name;
      ExpectNear(*state.Find(spec.name), ValuesOf(u, spec.name, shape), spec.name);
    }
    if (!AdaptsRows()) continue;
    for (size_t t = 0; t < learner().tables().size(); ++t) {
      const TableSpec& table = learner().tables()[t];
      const std::vector<int64_t> ids = RowsOf(u, table);
      const int64_t count = std::ssize(ids);
      ASSERT_NE(state.Find(table.name + "/ids"), nullptr) << table.name;
      ExpectNear(state.Find(table.name + "/ids")->to(at::kDouble),
                 FromIntegers(ids, {1, count, 1}, at::kCPU).to(at::kDouble), table.name);
      const at::Tensor rows =
          parameters_.tables[t].Gather(ids) - state.Find(table.name + "/change")->squeeze(0);
      ExpectNear(rows, ValuesOf(u, table.name, {count, table.dim}), table.name);
    }
    for (const std::string field : {"user.age", "item.embedding"}) {
      const int64_t p = learner().layout().Find(field + ".projection");
      ASSERT_GE(p, 0);
      ExpectNear(theta[p] - state.Find(field + "/change")->squeeze(0),
                 ValuesOf(u, field + ".projection", theta[p].sizes()), field);
    }
  }
}

TEST_P(GoldenAdaptedUsers, Version2IsReadableWithAnyHdf5AndJsonLibrary) {
  const auto json = nlohmann::json::parse(ReadWholeFile(Folder() + "/adapted.json", 1 << 20));
  EXPECT_EQ(json.at("format_version"), 2);
  EXPECT_EQ(json.at("base_checkpoint"), kBaseCheckpoint);
  EXPECT_EQ(json.at("base_hash"), kBaseHash);
  EXPECT_EQ(json.at("users"), nlohmann::json::parse(R"([
      {"user": "u2", "known": true, "seen": ["i4", "i0", "i1"]},
      {"user": "nobody", "known": false, "seen": ["i5"]}])"));
  const Hdf5File file = Hdf5File::OpenReadOnly(Folder() + "/adapted.h5");
  std::vector<std::string> names;
  for (const auto& parameter : json.at("parameters")) {
    const auto name = parameter.at("name").get<std::string>();
    names.push_back(name);
    int64_t count = 1;
    for (const auto& size : parameter.at("shape")) count *= size.get<int64_t>();
    std::vector<double> values;
    for (int64_t i = 0; i < 2 * count; ++i) {
      values.push_back(ValueAt(i / count, name, i % count));
    }
    EXPECT_EQ(file.ReadDataset<double>("/parameters/" + name), values) << name;
  }
  std::vector<std::string> expected = {"layer0.weight", "layer0.bias", "output.weight",
                                       "output.bias"};
  if (AdaptsRows())
    expected.insert(expected.end(), {"user.age.projection", "item.embedding.projection"});
  EXPECT_EQ(names, expected);
  if (!AdaptsRows()) return;
  EXPECT_THAT(file.ReadDataset<int64_t>("/rows/item.id/offsets"), ElementsAre(0, 2, 3));
  EXPECT_THAT(file.ReadDataset<int64_t>("/rows/item.id/ids"), ElementsAre(0, 6, 1));
  EXPECT_THAT(file.ReadDataset<double>("/rows/item.id/values"),
              ElementsAre(107, 107.25, 107.5, 107.75, 207, 207.25));
}

TEST_P(GoldenAdaptedUsers, Version2IsRefusedForAnotherBaseModel) {
  EXPECT_THAT(MessageOf<DataError>([&] { Load(std::string(64, 'c')); }),
              HasSubstr("was adapted from another base model (bbbbbbbbbbbb, not cccccccccccc)"));
}

}  // namespace
}  // namespace hearth
