#include "storage/checkpoint/manifest.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

CheckpointManifest Example() {
  CheckpointManifest manifest;
  manifest.run_id = "run-1";
  manifest.step = 12;
  manifest.epoch = 3;
  manifest.world_size = 2;
  manifest.config_hash = std::string(64, 'a');
  manifest.tool_version = "0.1.0";
  manifest.metric = CheckpointMetric{"rmse", 0.8615};
  manifest.scalars = {{"seed", std::numeric_limits<uint64_t>::max()},
                      {"third", 1.0 / 3.0},
                      {"patience", {{"left", -2}, {"done", false}}}};
  for (int rank = 0; rank < 2; ++rank) {
    CheckpointPiece piece;
    piece.file = PieceFileName(rank, 2);
    piece.rank = rank;
    piece.size_bytes = 4096;
    piece.sha256 = std::string(64, static_cast<char>('1' + rank));
    piece.arrays["table"] = {{ColumnType::kFloat32, {10, 4}}, {{rank * 5, rank * 5 + 5}}, {}};
    manifest.pieces.push_back(piece);
  }
  return manifest;
}

/// The text with its own hash made right again, like a careful forger would do it.
std::string Resealed(std::string text) {
  const size_t place = text.find("\": \"") + 4;
  text.replace(place, 64, std::string(64, '0'));
  text.replace(place, 64, Sha256Hex(text));
  return text;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return text.replace(place, from.size(), to);
}

std::string RefusalOf(const std::string& text) {
  try {
    ParseManifest(text, "the manifest");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(CheckpointManifest, RoundTripsExactly) {
  const std::string text = SerializeManifest(Example());
  const CheckpointManifest read = ParseManifest(text, "m");
  EXPECT_EQ(SerializeManifest(read), text);
  EXPECT_EQ(read.scalars, Example().scalars);
  EXPECT_EQ(read.scalars["third"].get<double>(), 1.0 / 3.0);
  EXPECT_EQ(read.scalars["seed"].get<uint64_t>(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(read.Arrays("m").at("table"), (ArraySpec{ColumnType::kFloat32, {10, 4}}));
  EXPECT_EQ(read.size_bytes(), 8192);
}

TEST(CheckpointManifest, WithoutAMetricRoundTrips) {
  CheckpointManifest manifest = Example();
  manifest.metric.reset();
  EXPECT_FALSE(ParseManifest(SerializeManifest(manifest), "m").metric.has_value());
}

TEST(CheckpointManifest, AnyFlippedBitIsNoticed) {
  const std::string text = SerializeManifest(Example());
  for (size_t byte = 0; byte < text.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      EXPECT_NE(RefusalOf(flipped), "") << "byte " << byte << " bit " << bit;
    }
  }
}

TEST(CheckpointManifest, AnyTruncationIsNoticed) {
  const std::string text = SerializeManifest(Example());
  for (size_t size = 0; size < text.size(); ++size) EXPECT_NE(RefusalOf(text.substr(0, size)), "");
}

TEST(CheckpointManifest, ResealedRandomEditsNeverCrash) {
  const std::string text = SerializeManifest(Example());
  const size_t body = text.find("\"format\"");
  RandomStream random(1, Purpose::kTest);
  int accepted = 0;
  constexpr int kEdits = 20000;
  for (int edit = 0; edit < kEdits; ++edit) {
    std::string mutant = text;
    for (uint64_t i = 0; i <= random.NextBelow(3); ++i) {
      const size_t place = body + random.NextBelow(mutant.size() - body);
      const char byte = static_cast<char>(random.NextBelow(256));
      switch (random.NextBelow(3)) {
        case 0:
          mutant[place] = byte;
          break;
        case 1:
          mutant.erase(place, random.NextBelow(20));
          break;
        default:
          mutant.insert(place, mutant.substr(body + random.NextBelow(200), random.NextBelow(60)));
      }
    }
    accepted += RefusalOf(Resealed(mutant)).empty();
  }
  // Edits inside free text (versions, hashes, scalars) are legal. The others must be refused.
  EXPECT_LT(accepted, kEdits / 2);
}

TEST(CheckpointManifest, ArraysHaveAsManyDimensionsAsHearthWrites) {
  for (const size_t dimensions : {0, 9}) {
    CheckpointManifest manifest = Example();
    for (CheckpointPiece& piece : manifest.pieces) {
      piece.arrays["table"].spec.shape.assign(dimensions, 1);
    }
    // Writing parses its own text.
    EXPECT_THAT([&] { SerializeManifest(manifest); },
                ::testing::ThrowsMessage<DataError>(HasSubstr("shape must have 1..")));
  }
}

struct Deviation {
  std::string from, to, message;
};

class ManifestDeviation : public ::testing::TestWithParam<Deviation> {};

TEST_P(ManifestDeviation, IsRefusedEvenWithTheRightHash) {
  const std::string text =
      Resealed(Replaced(SerializeManifest(Example()), GetParam().from, GetParam().to));
  EXPECT_THAT(RefusalOf(text), AllOf(HasSubstr("the manifest"), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Each, ManifestDeviation,
    ::testing::Values(
        Deviation{R"("format": "hearth-checkpoint")", R"("format": "x")", "hearth-checkpoint"},
        Deviation{R"("format_version": 1)", R"("format_version": 3)", "a newer hearth"},
        Deviation{R"("step": 12)", R"("step": -1)", "'step' is -1, expected an integer"},
        Deviation{R"("step": 12)", R"("step": 12.0)", "'step' is 12.0, expected an integer"},
        Deviation{R"("step": 12)", R"("step": 99999999999999999999)", "'step'"},
        Deviation{R"("step": 12)", R"("step": 18446744073709551615)", "'step'"},
        Deviation{R"("step": 12)", R"("stepp": 12)", "'step' is missing"},
        Deviation{R"("step": 12)", R"("step": 12, "extra": 1)",
                  "'extra' is 1, expected no such field"},
        Deviation{R"("step": 12)", R"("step": 12, "step": 13)", "'step' is there twice"},
        Deviation{R"("run-1")", R"("../run")", "plain name"},
        Deviation{R"("world_size": 2)", R"("world_size": 1)", "part 0 is recorded as rank 0"},
        Deviation{R"("world_size": 2)", R"("world_size": 0)", "'world_size'"},
        Deviation{R"("part-00001-of-00002.h5")", R"("../part-00001-of-00002.h5")", "plain file"},
        Deviation{R"("part-00001-of-00002.h5")", R"("part-00000-of-00002.h5")", "recorded as"},
        Deviation{R"("rank": 1)", R"("rank": 0)", "recorded as rank 0"},
        Deviation{R"("size_bytes": 4096)", R"("size_bytes": 0)", "'size_bytes'"},
        Deviation{R"("size_bytes": 4096)", R"("size_bytes": 79)", "do not fit into a file of 79"},
        Deviation{std::string(64, '1'), "1234", "expected 64 lower-case hex digits"},
        Deviation{R"("float32")", R"("complex64")", "unknown element type 'complex64'"},
        Deviation{R"("table")", R"("a//b")", "bad array name"},
        Deviation{R"("table")", R"("tab")", "in no part"},
        Deviation{"10,\n            4", "10,\n            8", "an earlier part says"},
        Deviation{"10,\n            4", "4611686018427387904,\n            4", "too large"},
        Deviation{"10,\n            4", "-10,\n            4", "integers >= 0"},
        Deviation{"[\n              5,\n              10", "[\n              5,\n              9",
                  "in no part"},
        Deviation{"[\n              5,\n              10", "[\n              4,\n              10",
                  "in two parts"},
        Deviation{"[\n              5,\n              10", "[\n              5,\n              11",
                  "out of range"},
        Deviation{"[\n              5,\n              10", "[\n              10,\n             10",
                  "are empty"},
        Deviation{R"("value": 0.8615)", R"("value": "good")",
                  R"('value' is "good", expected a number)"},
        Deviation{R"("scalars": {)", R"("scalars": {"d":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]],)",
                  "nested deeper"}));

CheckpointManifest DeltaExample() {
  CheckpointManifest manifest = Example();
  manifest.base = CheckpointBase{7, std::string(64, 'b')};
  manifest.pieces[1].arrays["table"] = {
      {ColumnType::kFloat32, {10, 4}}, {}, TouchedRecord{"rows", {5, 10}, 2}};
  return manifest;
}

TEST(CheckpointManifest, OfADeltaRoundTrips) {
  const std::string text = SerializeManifest(DeltaExample());
  const CheckpointManifest read = ParseManifest(text, "m");
  EXPECT_EQ(SerializeManifest(read), text);
  EXPECT_EQ(read.base, DeltaExample().base);
  EXPECT_EQ(read.pieces[1].arrays.at("table").touched, (TouchedRecord{"rows", {5, 10}, 2}));
  EXPECT_THAT(text, HasSubstr("\"format_version\": 2"));
}

TEST(CheckpointManifest, DeviationsOfADeltaAreRefusedEvenWithTheRightHash) {
  const std::string text = SerializeManifest(DeltaExample());
  for (const auto& [from, to, message] : {
           Deviation{R"("step": 7)", R"("step": 12)", "base is step 12, not before step 12"},
           Deviation{R"("name": "rows")", R"("name": "../rows")", "bad name of touched rows"},
           Deviation{R"("count": 2)", R"("count": 6)", "'count' is 6"},
           Deviation{R"("count": 2)", R"("cuont": 2)", "'count' is missing"},
           Deviation{std::string(64, 'b'), "1234", "expected 64 lower-case hex digits"},
       }) {
    EXPECT_THAT(RefusalOf(Resealed(Replaced(text, from, to))), HasSubstr(message)) << to;
  }
  CheckpointManifest without_base = DeltaExample();
  without_base.base.reset();
  EXPECT_THROW(SerializeManifest(without_base), DataError);
}

TEST(CheckpointManifest, OversizedTextIsRefusedBeforeParsing) {
  const std::string text(CheckpointManifest::kMaxSizeBytes + 1, ' ');
  EXPECT_THAT(RefusalOf(text), HasSubstr("more than a manifest may have"));
}

TEST(CheckpointPiece, RecordTravelsAsOneLine) {
  const CheckpointPiece piece = Example().pieces[1];
  const std::string line = SerializePiece(piece);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const CheckpointPiece read = ParsePiece(line, "rank 1");
  EXPECT_EQ(SerializePiece(read), line);
  EXPECT_EQ(read.arrays.at("table").slices, piece.arrays.at("table").slices);
  EXPECT_THROW(ParsePiece(line.substr(1), "rank 1"), DataError);
}

TEST(ArrayNames, AreSegmentsOfPlainCharacters) {
  for (const std::string_view good : {"a", "tables/items/rows", "layer.0_weight-2"}) {
    EXPECT_TRUE(IsArrayName(good)) << good;
  }
  for (const std::string_view bad : {"", "/a", "a/", "a//b", "a/../b", ".", "a b", "ä", "a\n"}) {
    EXPECT_FALSE(IsArrayName(bad)) << bad;
  }
}

}  // namespace
}  // namespace hearth
