#include "trainer/serve/adapted_users.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/hdf5.h"

namespace hearth {
namespace {

constexpr int kFormatVersion = 2;
constexpr int64_t kMaxJsonBytes = int64_t{256} << 20;

nlohmann::json DescribeUsers(const Dataset& dataset, const AdaptedUsers& users) {
  nlohmann::json list = nlohmann::json::array();
  for (const SupportSet& user : users.users) {
    nlohmann::json seen = nlohmann::json::array();
    for (const int64_t item : user.items) {
      seen.push_back(dataset.event_entities().ids[static_cast<size_t>(item)]);
    }
    list.push_back({{"user", user.user}, {"known", user.owner != kUnknownEntity}, {"seen", seen}});
  }
  return list;
}

// The values of one adapted parameter of all users, [user, shape...].
at::Tensor Stack(const AdaptedUsers& users, int64_t parameter) {
  std::vector<at::Tensor> values;
  for (const AdaptedUser& adapted : users.adapted) {
    values.push_back(adapted.values[static_cast<size_t>(parameter)].to(at::kCPU, at::kDouble));
  }
  return at::cat(values, 0).contiguous();
}

int64_t IndexOf(const IdIndex& index, const std::string& id, const std::string& path) {
  const auto it = index.find(id);
  if (it == index.end())
    throw DataError("'{}' names '{}', which the data set does not have", path, id);
  return it->second;
}

// Everything of adapted.json; the adapted values are left empty.
AdaptedUsers ReadDescription(const std::string& path, const Dataset& dataset) {
  AdaptedUsers users;
  try {
    const auto json = nlohmann::json::parse(ReadWholeFile(path, kMaxJsonBytes));
    if (json.at("format_version").get<int>() != kFormatVersion) {
      throw DataError("'{}' has format version {}; this hearth reads {}", path,
                      json.at("format_version").dump(), kFormatVersion);
    }
    users.base_checkpoint = json.at("base_checkpoint").get<std::string>();
    users.base_hash = json.at("base_hash").get<std::string>();
    const IdIndex owners = BuildIdIndex(dataset.task_entities());
    const IdIndex items = BuildIdIndex(dataset.event_entities());
    for (const auto& entry : json.at("users")) {
      SupportSet& user = users.users.emplace_back();
      user.user = entry.at("user").get<std::string>();
      user.owner =
          entry.at("known").get<bool>() ? IndexOf(owners, user.user, path) : kUnknownEntity;
      for (const auto& id : entry.at("seen")) {
        user.items.push_back(IndexOf(items, id.get<std::string>(), path));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError("'{}' is not a list of adapted users: {}", path, error.what());
  }
  return users;
}

at::Tensor TensorOf(std::vector<double>& values, at::IntArrayRef shape, at::TensorOptions options) {
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kDouble))
      .to(options, false, /*copy=*/true);
}

// One adapted parameter of `count` users, [user, shape...].
at::Tensor ReadAdapted(const Hdf5File& file, const ParameterSpec& spec, int64_t count,
                       at::TensorOptions options) {
  std::vector<double> values = file.ReadDataset<double>("/parameters/" + spec.name);
  if (std::ssize(values) != count * spec.count) {
    throw DataError("'{}': parameter '{}' has {} numbers, {} users need {}", file.path(), spec.name,
                    values.size(), count, count * spec.count);
  }
  std::vector<int64_t> shape = spec.shape;
  shape.insert(shape.begin(), count);
  return TensorOf(values, shape, options);
}

// The adapted rows of all tables.
void WriteRows(Hdf5File& file, const std::vector<TableSpec>& tables, const AdaptedUsers& users) {
  for (size_t t = 0; t < tables.size(); ++t) {
    std::vector<int64_t> offsets = {0}, ids;
    std::vector<double> values;
    for (const AdaptedUser& user : users.adapted) {
      ids.insert(ids.end(), user.row_ids[t].begin(), user.row_ids[t].end());
      const std::vector<double> rows = ToDoubles(user.rows[t]);
      values.insert(values.end(), rows.begin(), rows.end());
      offsets.push_back(std::ssize(ids));
    }
    const std::string folder = "/rows/" + tables[t].name;
    file.WriteDataset(folder + "/offsets", std::span<const int64_t>(offsets));
    file.WriteDataset(folder + "/ids", std::span<const int64_t>(ids));
    file.WriteDataset(folder + "/values", std::span<const double>(values),
                      {std::ssize(ids), tables[t].dim});
  }
}

void CheckRows(const std::string& path, const TableSpec& table, size_t user_count,
               const std::vector<int64_t>& offsets, const std::vector<int64_t>& ids,
               size_t value_count) {
  const auto refuse = [&](const std::string& what) {
    throw DataError("'{}': the adapted rows of table '{}' are damaged: {}; adapt again", path,
                    table.name, what);
  };
  if (offsets.size() != user_count + 1 || offsets.front() != 0 || offsets.back() != std::ssize(ids))
    refuse("the offsets do not fit the users");
  if (!std::ranges::is_sorted(offsets)) refuse("the offsets do not ascend");
  if (std::ssize(ids) * table.dim != static_cast<int64_t>(value_count))
    refuse("there are not as many values as ids need");
  for (size_t u = 0; u < user_count; ++u) {
    const auto begin = ids.begin() + offsets[u], end = ids.begin() + offsets[u + 1];
    if (std::adjacent_find(begin, end, std::greater_equal<>()) != end)
      refuse("the ids of a user do not ascend");
    if (begin != end && (*begin < 0 || *(end - 1) >= table.row_count))
      refuse("an id is not a row of the table");
  }
}

void ReadRows(const Hdf5File& file, const std::vector<TableSpec>& tables, at::TensorOptions options,
              AdaptedUsers& users) {
  for (const TableSpec& table : tables) {
    const std::string folder = "/rows/" + table.name;
    const auto offsets = file.ReadDataset<int64_t>(folder + "/offsets");
    const auto ids = file.ReadDataset<int64_t>(folder + "/ids");
    std::vector<double> values = file.ReadDataset<double>(folder + "/values");
    CheckRows(file.path(), table, users.adapted.size(), offsets, ids, values.size());
    const at::Tensor all = TensorOf(values, {std::ssize(ids), table.dim}, options);
    for (size_t u = 0; u < users.adapted.size(); ++u) {
      users.adapted[u].row_ids.emplace_back(ids.begin() + offsets[u], ids.begin() + offsets[u + 1]);
      users.adapted[u].rows.push_back(all.narrow(0, offsets[u], offsets[u + 1] - offsets[u]));
    }
  }
}

}  // namespace

void SaveAdaptedUsers(const std::string& path, const MetaLearner& learner, const Dataset& dataset,
                      const AdaptedUsers& users) {
  PendingFolder folder(path);
  nlohmann::json parameters = nlohmann::json::array();
  PendingFile values(folder.temporary_path() + "/adapted.h5");
  Hdf5File file = Hdf5File::Create(values.temporary_path());
  for (const int64_t p : learner.method().adapted()) {
    const ParameterSpec& spec = learner.model().layout().spec(p);
    const at::Tensor stacked = Stack(users, p);
    file.WriteDataset(
        "/parameters/" + spec.name,
        std::span(stacked.const_data_ptr<double>(), static_cast<size_t>(stacked.numel())),
        stacked.sizes().vec());
    parameters.push_back({{"name", spec.name}, {"shape", spec.shape}});
  }
  if (learner.method().adapts_rows()) WriteRows(file, learner.model().tables(), users);
  file.Close();
  values.Commit();
  const nlohmann::json json = {{"format_version", kFormatVersion},
                               {"base_checkpoint", users.base_checkpoint},
                               {"base_hash", users.base_hash},
                               {"parameters", parameters},
                               {"users", DescribeUsers(dataset, users)}};
  WriteFileDurably(folder.temporary_path() + "/adapted.json", json.dump(1) + "\n");
  folder.Commit();
}

AdaptedUsers LoadAdaptedUsers(const std::string& folder, const MetaLearner& learner,
                              const Dataset& dataset, const MetaParameters& parameters,
                              const std::string& base_hash) {
  const std::string path = folder + "/adapted.json";
  AdaptedUsers users = ReadDescription(path, dataset);
  if (users.base_hash != base_hash) {
    throw DataError("'{}' was adapted from another base model ({}, not {}): adapt again", path,
                    users.base_hash.substr(0, 12), base_hash.substr(0, 12));
  }
  const Hdf5File file = Hdf5File::OpenReadOnly(folder + "/adapted.h5");
  const ParameterLayout& layout = learner.model().layout();
  users.adapted.assign(users.users.size(), {.values = ViewParameters(layout, parameters.dense)});
  for (const int64_t p : learner.method().adapted()) {
    const at::Tensor all =
        ReadAdapted(file, layout.spec(p), std::ssize(users.users), parameters.dense.options());
    for (size_t u = 0; u < users.adapted.size(); ++u) {
      users.adapted[u].values[static_cast<size_t>(p)] = all.narrow(0, static_cast<int64_t>(u), 1);
    }
  }
  if (learner.method().adapts_rows()) {
    ReadRows(file, learner.model().tables(), parameters.dense.options(), users);
  }
  return users;
}

}  // namespace hearth
