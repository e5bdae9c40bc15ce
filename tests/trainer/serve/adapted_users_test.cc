#include "trainer/serve/adapted_users.h"

#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "storage/file/file_descriptor.h"
#include "tests/tools/message_of.h"
#include "tests/tools/paths.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kBaseHash = std::string(64, 'b');

at::Tensor Reals(std::initializer_list<int64_t> shape, double first) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return at::arange(count, at::kDouble).add(first).div(7.0).reshape(shape);
}

class AdaptedUsersTest : public ::testing::Test {
 protected:
  AdaptedUsersTest()
      : dataset_({.path = testing::SourcePath("tests/storage/golden/dataset-v1")}),
        on_data_(dataset_, {}, at::TensorOptions().dtype(at::kDouble)),
        parameters_(on_data_.learner.InitialParameters(TableOptimizer::kAdam, /*seed=*/3)) {
    users_.base_checkpoint = "/runs/tiny/checkpoints/step-000007";
    users_.base_hash = kBaseHash;
    users_.users.resize(2);
    users_.users[0] = {.user = "u2", .owner = 2, .items = {4, 0, 1}, .labels = {}};
    users_.users[1] = {.user = "nobody", .owner = kUnknownEntity, .items = {5}, .labels = {}};
    users_.states.resize(2);
    users_.states[0].Add("head.0.weight", Reals({1, 3, 2}, 1.0));
    users_.states[0].Add("user.id/ids", FromIntegers({1, 0, 2}, {1, 3, 1}, at::kCPU));
    users_.states[1].Add("head.0.weight", Reals({1, 3, 2}, -5.0));
    users_.states[1].Add("user.id/ids", FromIntegers({}, {1, 0, 1}, at::kCPU));
    users_.states[1].Add("answer", Reals({1}, 42.0));
  }

  std::string Save(const std::string& name) const {
    const std::string folder = FreshFolder(name);
    SaveAdaptedUsers(folder, on_data_.data, users_);
    return folder;
  }
  AdaptedUsers Load(const std::string& folder) const {
    return LoadAdaptedUsers(folder, on_data_.learner, on_data_.data, parameters_, kBaseHash);
  }

  Dataset dataset_;
  LearnerOfDataset on_data_;
  MetaParameters parameters_;
  AdaptedUsers users_;
};

TEST_F(AdaptedUsersTest, EveryTensorOfEveryUserComesBackInTheSameBits) {
  const AdaptedUsers loaded = Load(Save("users"));
  EXPECT_EQ(loaded.base_checkpoint, users_.base_checkpoint);
  EXPECT_EQ(loaded.base_hash, kBaseHash);
  ASSERT_EQ(loaded.users.size(), 2u);
  EXPECT_EQ(loaded.users[0].user, "u2");
  EXPECT_EQ(loaded.users[0].owner, 2);
  EXPECT_THAT(loaded.users[0].items, ElementsAre(4, 0, 1));
  EXPECT_EQ(loaded.users[1].user, "nobody");
  EXPECT_EQ(loaded.users[1].owner, kUnknownEntity);
  ASSERT_EQ(loaded.states.size(), 2u);
  for (const int64_t u : {0, 1}) {
    ASSERT_EQ(loaded.states[u].tensors.size(), users_.states[u].tensors.size());
    for (const NamedTensor& entry : users_.states[u].tensors) {
      const at::Tensor* tensor = loaded.states[u].Find(entry.name);
      ASSERT_NE(tensor, nullptr) << entry.name;
      EXPECT_EQ(tensor->scalar_type(), entry.tensor.scalar_type()) << entry.name;
      EXPECT_TRUE(tensor->equal(entry.tensor)) << entry.name;
    }
  }
}

TEST_F(AdaptedUsersTest, UsersOfAnotherBaseModelAreRefused) {
  const std::string folder = Save("users");
  const std::string message = MessageOf<DataError>([&] {
    LoadAdaptedUsers(folder, on_data_.learner, on_data_.data, parameters_, std::string(64, 'c'));
  });
  EXPECT_THAT(message, HasSubstr("was adapted from another base model"));
}

TEST_F(AdaptedUsersTest, AnyChangedByteOfTheStatesIsRefused) {
  const std::string folder = Save("users");
  const std::string path = folder + "/adapted.h5";
  const std::string bytes = ReadWholeFile(path, 1 << 20);
  for (size_t at = 0; at < bytes.size(); at += 97) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    std::filesystem::remove(path);
    WriteFileDurably(path, changed);
    EXPECT_THAT(MessageOf<DataError>([&] { Load(folder); }), HasSubstr("adapted.h5' is damaged"))
        << "byte " << at;
  }
  std::filesystem::remove(path);
  WriteFileDurably(path, bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(MessageOf<DataError>([&] { Load(folder); }), HasSubstr("adapted.h5' is damaged"));
}

}  // namespace
}  // namespace hearth
