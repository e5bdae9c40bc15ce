#include "trainer/serve/adapted_users.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/durable_file.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/hdf5.h"
#include "trainer/serve/adapted_users_v2.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

constexpr int kFormatVersion = 3;
constexpr int kFormatWithParameters = 2;  // written by hearth 0.1
constexpr int64_t kMaxJsonBytes = int64_t{256} << 20;
constexpr const char* kStatesFile = "adapted.h5";
constexpr const char* kStates = "/state";

nlohmann::json DescribeUsers(const EntityTable& items, const AdaptedUsers& users) {
  nlohmann::json list = nlohmann::json::array();
  for (const SupportSet& user : users.users) {
    nlohmann::json seen = nlohmann::json::array();
    for (const int64_t item : user.items) seen.push_back(items.ids[item]);
    list.push_back({{"user", user.user}, {"known", user.owner != kUnknownEntity}, {"seen", seen}});
  }
  return list;
}

int64_t IndexOf(const IdIndex& index, const std::string& id, const std::string& path) {
  const auto it = index.find(id);
  if (it == index.end()) {
    throw DataError("'{}' names '{}', which the data set does not have", path, id);
  }
  return it->second;
}

// The content of adapted.json.
struct Description {
  int version = 0;
  std::string states_sha256;  // of adapted.h5; empty before format version 3
  AdaptedUsers users;         // without states
};

Description ReadDescription(const std::string& path, const DataBinding& data) {
  Description description;
  AdaptedUsers& users = description.users;
  try {
    const auto json = nlohmann::json::parse(ReadWholeFile(path, kMaxJsonBytes));
    const int version = description.version = json.at("format_version").get<int>();
    if (version != kFormatVersion && version != kFormatWithParameters) {
      throw DataError("'{}' has format version {}; this hearth reads {} and {}", path, version,
                      kFormatWithParameters, kFormatVersion);
    }
    if (version == kFormatVersion) {
      description.states_sha256 = json.at("sha256").at(kStatesFile).get<std::string>();
    }
    users.base_checkpoint = json.at("base_checkpoint").get<std::string>();
    users.base_hash = json.at("base_hash").get<std::string>();
    const IdIndex owners = BuildIdIndex(data.tasks().entities());
    const IdIndex items = BuildIdIndex(data.items().entities());
    for (const auto& entry : json.at("users")) {
      SupportSet& user = users.users.emplace_back();
      user.user = entry.at("user").get<std::string>();
      user.owner = kUnknownEntity;
      if (entry.at("known").get<bool>()) user.owner = IndexOf(owners, user.user, path);
      for (const auto& id : entry.at("seen")) {
        user.items.push_back(IndexOf(items, id.get<std::string>(), path));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError("'{}' is not a list of adapted users: {}", path, error.what());
  }
  return description;
}

// One named tensor of the states, for all users that have it.
struct TensorOfUsers {
  std::vector<int64_t> users, shapes;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  int64_t dim = 0;
  bool is_integer = false;

  void Add(int64_t user, const at::Tensor& tensor) {
    HEARTH_CHECK(users.empty() || dim == tensor.dim());
    dim = tensor.dim();
    is_integer = tensor.scalar_type() == at::kLong;
    users.push_back(user);
    shapes.insert(shapes.end(), tensor.sizes().begin(), tensor.sizes().end());
    if (is_integer) {
      const at::Tensor cpu = tensor.to(at::kCPU).contiguous();
      const auto* data = cpu.const_data_ptr<int64_t>();
      integers.insert(integers.end(), data, data + cpu.numel());
    } else {
      const std::vector<double> values = ToDoubles(tensor);
      reals.insert(reals.end(), values.begin(), values.end());
    }
  }
};

void WriteStates(const std::vector<TaskState>& states, Hdf5File& file) {
  std::map<std::string, TensorOfUsers> tensors;  // [name]
  for (int64_t u = 0; u < std::ssize(states); ++u) {
    for (const NamedTensor& entry : states[u].tensors) tensors[entry.name].Add(u, entry.tensor);
  }
  for (const auto& [name, tensor] : tensors) {
    const std::string group = std::string(kStates) + "/" + name;
    file.WriteDataset(group + "/users", tensor.users);
    file.WriteDataset(group + "/shapes", tensor.shapes, {std::ssize(tensor.users), tensor.dim});
    if (tensor.is_integer) {
      file.WriteDataset(group + "/values", tensor.integers);
    } else {
      file.WriteDataset(group + "/values", tensor.reals);
    }
  }
}

// Reads one tensor of all users that have it.
class StateReader {
 public:
  StateReader(const Hdf5File& file, at::TensorOptions real, std::vector<TaskState>& states)
      : file_(file), real_(real), states_(states) {}

  // Reads all tensors below a group.
  void ReadGroup(const std::string& name) {
    const std::string group = std::string(kStates) + (name.empty() ? "" : "/") + name;
    if (file_.Exists(group + "/values")) return ReadTensor(name, group);
    for (const std::string& member : file_.List(group)) {
      ReadGroup(name.empty() ? member : name + "/" + member);
    }
  }

 private:
  [[noreturn]] void Refuse(const std::string& name, const std::string& why) const {
    throw DataError("'{}': tensor '{}' of the adapted users is damaged: {}; adapt again",
                    file_.path(), name, why);
  }

  void ReadTensor(const std::string& name, const std::string& group) {
    const auto users = file_.ReadDataset<int64_t>(group + "/users");
    const auto shapes = file_.ReadDataset<int64_t>(group + "/shapes");
    if (users.empty() || shapes.size() % users.size() != 0) Refuse(name, "its shapes do not fit");
    const int64_t dim = std::ssize(shapes) / std::ssize(users);
    if (file_.Describe(group + "/values").type == ColumnType::kInt64) {
      Give(name, users, shapes, dim, file_.ReadDataset<int64_t>(group + "/values"));
    } else {
      const auto values = file_.ReadDataset<double>(group + "/values");
      if (!std::ranges::all_of(values, [](double x) { return std::isfinite(x); })) {
        Refuse(name, "a value is not finite");
      }
      Give(name, users, shapes, dim, values);
    }
  }

  template <typename T>
  void Give(const std::string& name, const std::vector<int64_t>& users,
            const std::vector<int64_t>& shapes, int64_t dim, const std::vector<T>& values) {
    int64_t next = 0;
    for (int64_t i = 0; i < std::ssize(users); ++i) {
      const std::vector<int64_t> shape(shapes.begin() + i * dim, shapes.begin() + (i + 1) * dim);
      if (users[i] < 0 || users[i] >= std::ssize(states_)) Refuse(name, "a user does not exist");
      if (std::ranges::any_of(shape, [](int64_t size) { return size < 0; }) || shape[0] != 1) {
        Refuse(name, "its shapes do not fit");
      }
      const int64_t count =
          std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
      if (count > std::ssize(values) - next) Refuse(name, "values are missing");
      const std::vector<T> own(values.begin() + next, values.begin() + next + count);
      states_[users[i]].Add(name, TensorFrom(own, shape));
      next += count;
    }
    if (next != std::ssize(values)) Refuse(name, "it has more values than shapes");
  }

  at::Tensor TensorFrom(const std::vector<double>& values, at::IntArrayRef shape) const {
    return FromDoubles(values, shape, real_);
  }
  at::Tensor TensorFrom(const std::vector<int64_t>& values, at::IntArrayRef shape) const {
    return FromIntegers(values, shape, real_.device());
  }

  const Hdf5File& file_;
  at::TensorOptions real_;
  std::vector<TaskState>& states_;
};

}  // namespace

void SaveAdaptedUsers(const std::string& path, const DataBinding& data, const AdaptedUsers& users) {
  PendingFolder folder(path);
  const std::string states = folder.temporary_path() + "/" + kStatesFile;
  PendingFile values(states);
  Hdf5File file = Hdf5File::Create(values.temporary_path());
  WriteStates(users.states, file);
  file.Close();
  values.Commit();
  const nlohmann::json json = {{"format_version", kFormatVersion},
                               {"base_checkpoint", users.base_checkpoint},
                               {"base_hash", users.base_hash},
                               {"sha256", {{kStatesFile, Sha256OfFile(states)}}},
                               {"users", DescribeUsers(data.items().entities(), users)}};
  WriteFileDurably(folder.temporary_path() + "/adapted.json", json.dump(1) + "\n");
  folder.Commit();
}

AdaptedUsers LoadAdaptedUsers(const std::string& folder, const Learner& learner,
                              const DataBinding& data, const MetaParameters& parameters,
                              const std::string& base_hash) {
  const std::string path = folder + "/adapted.json", states = folder + "/" + kStatesFile;
  Description description = ReadDescription(path, data);
  AdaptedUsers users = std::move(description.users);
  if (users.base_hash != base_hash) {
    throw DataError("'{}' was adapted from another base model ({}, not {}): adapt again", path,
                    users.base_hash.substr(0, 12), base_hash.substr(0, 12));
  }
  if (description.version == kFormatVersion && Sha256OfFile(states) != description.states_sha256) {
    throw DataError("'{}' is damaged: its SHA-256 is not the one in '{}'; adapt again", states,
                    path);
  }
  const Hdf5File file = Hdf5File::OpenReadOnly(states);
  users.states.resize(users.users.size());
  if (description.version == kFormatWithParameters) {
    ReadStatesOfVersion2(file, learner, parameters, users.states);
  } else if (file.Exists(kStates)) {
    StateReader(file, learner.tensor_options(), users.states).ReadGroup("");
  }
  return users;
}

}  // namespace hearth
