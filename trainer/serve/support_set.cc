#include "trainer/serve/support_set.h"

#include <unordered_map>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"
#include "sampler/task_negatives.h"
#include "storage/import/support_file.h"

namespace hearth {
namespace {

int64_t OwnerOf(const IdIndex& users, const std::string& user) {
  const auto it = users.find(user);
  return it == users.end() ? kUnknownEntity : it->second;
}

// Turns the rows of a support file into one set for each user, in order of first appearance.
class SupportBinder {
 public:
  SupportBinder(const std::string& path, const InputSchema& schema, const DataBinding& data)
      : path_(path),
        schema_(schema),
        users_(BuildIdIndex(data.tasks().entities())),
        items_(BuildIdIndex(data.items().entities())) {}

  std::vector<SupportSet> Bind(const std::vector<SupportRow>& rows) {
    if (!rows.front().label && !schema_.positive_only) {
      RefuseSupportFile(
          path_, "its header has no column 'label', and the labels of the training data differ");
    }
    for (const SupportRow& row : rows) Add(row);
    return std::move(sets_);
  }

 private:
  void Add(const SupportRow& row) {
    const auto item = items_.find(row.item);
    if (item == items_.end()) {
      RefuseSupportRow(path_, row, "item", row.item, "the catalogue has no such item");
    }
    const float label = row.label.value_or(1.0f);
    if (!(label >= schema_.label_min && label <= schema_.label_max)) {
      RefuseSupportRow(path_, row, "label", fmt::format("{}", label),
                       fmt::format("labels of the training data are in [{}, {}]", schema_.label_min,
                                   schema_.label_max));
    }
    SupportSet& set = SetOf(row.user);
    set.items.push_back(item->second);
    set.labels.push_back(label);
  }

  SupportSet& SetOf(const std::string& user) {
    const auto [it, is_new] = positions_.try_emplace(user, sets_.size());
    if (is_new) {
      sets_.push_back({.user = user, .owner = OwnerOf(users_, user), .items = {}, .labels = {}});
    }
    return sets_[it->second];
  }

  std::string path_;
  const InputSchema& schema_;
  IdIndex users_, items_;
  std::unordered_map<std::string, size_t> positions_;
  std::vector<SupportSet> sets_;
};

// Appends the events that some parts hold of the wanted users. `sets_of`: user -> position of its
// set.
void CollectEvents(const Dataset& dataset, const std::vector<Part>& parts,
                   const std::unordered_map<int64_t, size_t>& sets_of,
                   std::vector<SupportSet>& sets) {
  for (const Part part : parts) {
    for (const int64_t index : dataset.ShardsOf(part)) {
      const ShardReader& shard = dataset.Shard(index);
      for (int64_t t = 0; t < shard.task_count(); ++t) {
        const auto wanted = sets_of.find(shard.task_ids()[t]);
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

std::vector<SupportSet> ReadSupportFile(const std::string& path, const InputSchema& schema,
                                        const DataBinding& data) {
  return SupportBinder(path, schema, data).Bind(ReadSupportRows(path));
}

std::vector<SupportSet> ReadUsersFile(const std::string& path, const Dataset& dataset) {
  const IdIndex users = BuildIdIndex(dataset.task_entities());
  std::vector<SupportSet> sets;
  std::unordered_map<int64_t, size_t> sets_of;
  for (const auto& [user, line] : ReadUserLines(path)) {
    const auto it = users.find(user);
    if (it == users.end()) {
      throw DataError(
          "{}:{}: the data set '{}' has no user '{}'; give what is known of a new user "
          "with --support",
          path, line, dataset.path(), user);
    }
    if (!sets_of.try_emplace(it->second, sets.size()).second) continue;
    sets.push_back({.user = user, .owner = it->second, .items = {}, .labels = {}});
  }
  CollectEvents(dataset, {kTrainPart}, sets_of, sets);
  std::unordered_map<int64_t, size_t> without_training;
  for (const auto& [user, position] : sets_of) {
    if (sets[position].items.empty()) without_training.emplace(user, position);
  }
  CollectEvents(dataset, AllParts(), without_training, sets);
  return sets;
}

Chunk ChunkOf(const SupportSet& support) {
  HEARTH_CHECK(!support.items.empty());
  Chunk chunk;
  chunk.task_ids = {support.owner};
  chunk.support.items = support.items;
  chunk.support.labels = support.labels;
  chunk.support.offsets = {0, std::ssize(support.items)};
  chunk.query.items = {support.items.front()};
  chunk.query.labels = {support.labels.front()};
  chunk.query.offsets = {0, 1};
  return chunk;
}

NegativeSampler CatalogueSampler(const Catalogue& catalogue, const BoundEntities& items,
                                 NegativeSampling sampling) {
  const IdIndex known = BuildIdIndex(*catalogue.items);
  std::vector<int64_t> weights;
  for (const std::string& id : items.entities().ids) {
    const auto it = known.find(id);
    const int64_t events = it == known.end() ? 0 : catalogue.event_counts[it->second];
    weights.push_back(TrainingWeight(sampling, events));
  }
  return NegativeSampler(weights);
}

void DrawNegatives(const SupportSet& support, const NegativeSampler& sampler,
                   const ServedNegatives& negatives, Chunk& chunk) {
  const NegativeSampler::Candidates candidates = sampler.Without(support.items);
  if (candidates.weight() == 0) {
    throw DataError(
        "the support of user '{}' holds every item of the training data: no negative is left",
        support.user);
  }
  chunk.negatives_per_row = negatives.per_row;
  chunk.negatives_are_rows = negatives.are_rows;
  RandomStream random(negatives.seed, Purpose::kNegative,
                      Xxh3(support.user.data(), support.user.size()));
  for (TaskRows* rows : {&chunk.support, &chunk.query}) {
    for (int64_t i = 0; i < rows->row_count() * negatives.per_row; ++i) {
      rows->negatives.push_back(candidates.DrawOne(&random));
    }
  }
}

}  // namespace hearth
