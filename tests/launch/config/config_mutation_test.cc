// Damages configuration files at random. Each damaged file must be refused within seconds as a
// configuration error with its place, or it must be read as a configuration that reads back the
// same after it was shown. HEARTH_MUTATIONS sets the number of damaged files.

#include <chrono>
#include <cstdio>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/show.h"
#include "tests/launch/config/config_text.h"
#include "tests/tools/mutator.h"

namespace hearth {
namespace {

constexpr const char* kOriginal = R"(# a configuration with a value of every kind
run:
  name: "first try"
  seed: 7
data: {read: pread, verify: false}
tasks:
  support: 5
  query: 10
meta:
  method: maml
  inner_steps: 3
  inner_lr: 0.05
model:
  layers: [64, 32]
optim:
  lr: 1.5e-3
train:
  max_steps: 1000
eval:
  every: 200
  metric: 'rmse'
dist:
  timeout: 10min
)";

/// Matches "test.yaml:3:5: error: ", and also "test.yaml: error: " for an error without a line.
const std::regex kPlaced("test\\.yaml(:[1-9][0-9]*:[1-9][0-9]*)?: error: ");

TEST(ConfigMutation, AConfigurationIsRefusedWithItsPlaceOrReadsBackTheSame) {
  ASSERT_NO_THROW(LoadText(kOriginal));
  int refused = 0, accepted = 0;
  std::chrono::duration<double> slowest{0};
  for (int64_t number = 0; number < testing::MutationCount(); ++number) {
    const std::string text =
        testing::Mutator(6, number, testing::TextDictionary()).Mutate(kOriginal);
    const auto begin = std::chrono::steady_clock::now();
    try {
      const std::string shown = ShowConfig(LoadText(text).config, false);
      EXPECT_EQ(ShowConfig(LoadText(shown).config, false), shown) << text;
      ++accepted;
    } catch (const ConfigError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(std::regex_search(message, kPlaced)) << message << "\n" << text;
      ++refused;
    }
    slowest =
        std::max<std::chrono::duration<double>>(slowest, std::chrono::steady_clock::now() - begin);
    ASSERT_FALSE(HasFailure()) << "mutation " << number;
  }
  EXPECT_LT(slowest.count(), 5.0);
  std::printf("configurations: %d refused, %d read back the same, slowest %.0f ms\n", refused,
              accepted, 1e3 * slowest.count());
  EXPECT_GT(refused, accepted / 4);
}

}  // namespace
}  // namespace hearth
