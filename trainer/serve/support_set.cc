#include "trainer/serve/support_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"
#include "common/text.h"
#include "sampler/negative_sampler.h"
#include "storage/import/bad_rows.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"
#include "storage/import/line_reader.h"
#include "storage/import/record_reader.h"
#include "trainer/model/bound_entities.h"

namespace hearth {
namespace {

int64_t OwnerOf(const IdIndex& users, const std::string& user) {
  const auto it = users.find(user);
  return it == users.end() ? kUnknownEntity : it->second;
}

// Reads one support file row by row into sets, in order of first appearance.
class SupportReader {
 public:
  SupportReader(const std::string& path, const Dataset& dataset)
      : path_(path),
        dataset_(dataset),
        bad_rows_(BadRowRule::kRefuse, 0),
        records_(path, {.separator = path.ends_with(".csv") ? "," : "\t", .quotes = true},
                 &bad_rows_),
        users_(BuildIdIndex(dataset.task_entities())),
        items_(BuildIdIndex(dataset.event_entities())) {}

  std::vector<SupportSet> Read() {
    if (!records_.Next()) Fail("it is empty");
    const ColumnHeader header(path_, records_.fields(), /*typed=*/false);
    item_column_ = header.Find("item");
    user_column_ = header.Find("user");
    label_column_ = header.Find("label");
    if (item_column_ == ColumnHeader::kNone) Fail("its header has no column 'item'");
    if (label_column_ == ColumnHeader::kNone && !dataset_.manifest().positive_only) {
      Fail("its header has no column 'label', and the labels of this data set differ");
    }
    while (records_.Next()) {
      if (records_.Require(header.size())) AddRow();
    }
    if (sets_.empty()) Fail("it has a header but no rows");
    return std::move(sets_);
  }

 private:
  [[noreturn]] void Fail(std::string_view why) const {
    throw DataError(
        "support file '{}' cannot be used: {}; it needs a header line with 'item', 'label' and, "
        "for "
        "several users, 'user', separated by {}",
        path_, why, path_.ends_with(".csv") ? "commas" : "tabs");
  }

  void AddRow() {
    const std::vector<std::string_view>& fields = records_.fields();
    const std::string user(user_column_ == ColumnHeader::kNone ? std::string_view("new")
                                                               : Trim(fields[user_column_]));
    const std::string item(Trim(fields[item_column_]));
    const auto known = items_.find(item);
    if (known == items_.end()) {
      bad_rows_.Reject(records_.place(), "item", item, "the data set has no such item");
      return;
    }
    float label = 1.0f;
    if (label_column_ != ColumnHeader::kNone &&
        !ParseLabel(fields[label_column_], "label", records_.place(), &bad_rows_, &label)) {
      return;
    }
    const DatasetManifest& manifest = dataset_.manifest();
    if (!(label >= manifest.label_min && label <= manifest.label_max)) {
      bad_rows_.Reject(records_.place(), "label", fmt::format("{}", label),
                       fmt::format("labels of this data set are in [{}, {}]", manifest.label_min,
                                   manifest.label_max));
    }
    const auto [it, is_new] = positions_.try_emplace(user, sets_.size());
    if (is_new)
      sets_.push_back({.user = user, .owner = OwnerOf(users_, user), .items = {}, .labels = {}});
    SupportSet& set = sets_[it->second];
    if (std::find(set.items.begin(), set.items.end(), known->second) != set.items.end()) {
      bad_rows_.Reject(records_.place(), "item", item, "given twice for this user");
    }
    set.items.push_back(known->second);
    set.labels.push_back(label);
  }

  std::string path_;
  const Dataset& dataset_;
  BadRows bad_rows_;
  RecordReader records_;
  IdIndex users_, items_;
  size_t item_column_ = 0, user_column_ = 0, label_column_ = 0;
  std::unordered_map<std::string, size_t> positions_;
  std::vector<SupportSet> sets_;
};

// Appends the events of wanted users in some parts: sets_of[user] is the position of its set.
void CollectEvents(const Dataset& dataset, const std::vector<Part>& parts,
                   const std::unordered_map<int64_t, size_t>& sets_of,
                   std::vector<SupportSet>& sets) {
  for (const Part part : parts) {
    for (const int64_t index : dataset.ShardsOf(part)) {
      const ShardReader& shard = dataset.Shard(index);
      for (int64_t t = 0; t < shard.task_count(); ++t) {
        const auto wanted = sets_of.find(shard.task_ids()[static_cast<size_t>(t)]);
        if (wanted == sets_of.end()) continue;
        const TaskView task = shard.task(t);
        SupportSet& set = sets[wanted->second];
        set.items.insert(set.items.end(), task.items.begin(), task.items.end());
        set.labels.insert(set.labels.end(), task.labels.begin(), task.labels.end());
      }
    }
  }
}

}  // namespace

std::vector<SupportSet> ReadSupportFile(const std::string& path, const Dataset& dataset) {
  return SupportReader(path, dataset).Read();
}

std::vector<SupportSet> ReadUsersFile(const std::string& path, const Dataset& dataset) {
  const IdIndex users = BuildIdIndex(dataset.task_entities());
  std::vector<SupportSet> sets;
  std::unordered_map<int64_t, size_t> sets_of;
  LineReader lines(path);
  while (lines.Next()) {
    const std::string id(Trim(lines.line()));
    if (id.empty()) continue;
    const auto it = users.find(id);
    if (it == users.end()) {
      throw DataError(
          "{}:{}: the data set '{}' has no user '{}'; give what is known of a new user "
          "with --support",
          path, lines.line_number(), dataset.path(), id);
    }
    if (!sets_of.try_emplace(it->second, sets.size()).second) continue;
    sets.push_back({.user = id, .owner = it->second, .items = {}, .labels = {}});
  }
  if (sets.empty())
    throw DataError("users file '{}' names no user: one original id per line", path);
  CollectEvents(dataset, {kTrainPart}, sets_of, sets);
  std::unordered_map<int64_t, size_t> without_training;
  for (const auto& [user, position] : sets_of) {
    if (sets[position].items.empty()) without_training.emplace(user, position);
  }
  CollectEvents(dataset, AllParts(), without_training, sets);
  return sets;
}

Chunk ChunkOf(const SupportSet& support, int64_t negatives_per_row, int64_t item_count,
              uint64_t seed) {
  HEARTH_CHECK(!support.items.empty());
  Chunk chunk;
  chunk.task_ids = {support.owner};
  chunk.support.items = support.items;
  chunk.support.labels = support.labels;
  chunk.support.offsets = {0, std::ssize(support.items)};
  chunk.query.items = {support.items.front()};
  chunk.query.labels = {support.labels.front()};
  chunk.query.offsets = {0, 1};
  chunk.negatives_per_row = negatives_per_row;
  if (negatives_per_row == 0) return chunk;

  const NegativeSampler sampler(std::vector<int64_t>(static_cast<size_t>(item_count), 1));
  const NegativeSampler::Candidates candidates = sampler.Without(support.items);
  if (candidates.weight() == 0) {
    throw DataError("the support of user '{}' holds every item: there is nothing to rank below it",
                    support.user);
  }
  RandomStream random(seed, Purpose::kNegative, Xxh3(support.user.data(), support.user.size()));
  for (TaskRows* rows : {&chunk.support, &chunk.query}) {
    for (int64_t i = 0; i < rows->row_count() * negatives_per_row; ++i) {
      const NegativeSampler::Draw draw = candidates.DrawOne(&random);
      rows->negatives.push_back(draw.item);
      rows->negative_log_probability.push_back(draw.log_probability);
    }
  }
  return chunk;
}

}  // namespace hearth
