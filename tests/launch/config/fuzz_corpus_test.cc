#include <gtest/gtest.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/targets.h"

namespace hearth::fuzz {
namespace {

TEST(FuzzCorpus, Configurations) { Replay("config", ConfigTarget); }

}  // namespace
}  // namespace hearth::fuzz
