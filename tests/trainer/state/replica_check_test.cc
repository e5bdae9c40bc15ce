#include "trainer/state/replica_check.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/thread_communicator.h"
#include "common/error.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;

RunState MakeState(const Communicator& communicator, int64_t replicate_bytes) {
  ParameterLayout layout;
  layout.Add({.name = "weight", .shape = {3}});
  return {.parameters = InitializeMetaParameters(
              layout, {{.name = "item", .row_count = 40, .dim = 2, .init_scale = 1.0}},
              TableOptimizer::kAdam, /*seed=*/4, at::kFloat, {},
              {communicator.rank(), communicator.world_size(), replicate_bytes}),
          .optimizer = DenseOptimizer(OptimizerOptions(), layout, at::kFloat),
          .counters = {}};
}

// The error of three ranks when rank 1 has another value somewhere; empty when they have none.
std::string ErrorAfter(const std::function<void(RunState&)>& change, int64_t replicate_bytes) {
  std::string message;
  RunOnThreads(3, [&](Communicator& communicator) {
    RunState state = MakeState(communicator, replicate_bytes);
    if (communicator.rank() == 1) change(state);
    try {
      RequireEqualReplicas(state, communicator);
    } catch (const NumericError& error) {
      if (communicator.is_root()) message = error.what();
    }
  });
  return message;
}

TEST(ReplicaCheck, FindsARankThatDiffersInAnyPartOfTheState) {
  constexpr int64_t kReplicate = 1 << 20;
  EXPECT_EQ(ErrorAfter([](RunState&) {}, kReplicate), "");
  const std::vector<std::function<at::Tensor(RunState&)>> parts = {
      [](RunState& state) { return state.parameters.dense; },
      [](RunState& state) { return state.optimizer.first_moment(); },
      [](RunState& state) { return state.optimizer.second_moment(); },
      [](RunState& state) { return state.parameters.tables[0].rows()[39]; },
      [](RunState& state) { return state.parameters.tables[0].optimizer().first_moment()[39]; },
      [](RunState& state) { return state.parameters.tables[0].optimizer().second_moment(); },
      [](RunState& state) { return state.parameters.tables[0].optimizer().age(); }};
  for (size_t p = 0; p < parts.size(); ++p) {
    EXPECT_THAT(ErrorAfter([&](RunState& state) { parts[p](state)[1].fill_(7.0); }, kReplicate),
                HasSubstr("parameters of rank 1 "))
        << "part " << p;
  }
}

TEST(ReplicaCheck, LeavesOutRowsThatOneRankAloneHas) {
  const auto change = [](RunState& state) { state.parameters.tables[0].rows().zero_(); };
  EXPECT_EQ(ErrorAfter(change, /*replicate_bytes=*/0), "");
}

}  // namespace
}  // namespace hearth
