#include <gtest/gtest.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/targets.h"

namespace hearth::fuzz {
namespace {

TEST(FuzzCorpus, CheckpointManifests) { Replay("checkpoint_manifest", CheckpointManifestTarget); }
TEST(FuzzCorpus, DataManifests) { Replay("data_manifest", DataManifestTarget); }
TEST(FuzzCorpus, CsvLogs) { Replay("csv", CsvTarget); }
TEST(FuzzCorpus, JsonLines) { Replay("json_lines", JsonLinesTarget); }
TEST(FuzzCorpus, JsonLists) { Replay("json_lists", JsonListsTarget); }

}  // namespace
}  // namespace hearth::fuzz
