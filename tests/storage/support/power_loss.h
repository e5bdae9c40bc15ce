#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "tests/storage/support/file_system_doubles.h"

namespace hearth {

/// A recorded call that changed or opened a file.
struct FileOperation {
  FileCall call = FileCall::kOpen;
  std::string path{}, to{};
  int64_t handle = -1;  ///< of an open file; never reused
  int64_t offset = -1;  ///< of a write; -1 appends
  std::string bytes{};
  bool creates = false, empties = false;

  /// True when the call may change the content of the disk, or the durability of that content.
  bool Changes() const { return call != FileCall::kOpen || creates || empties; }
};

/// Passes calls on and records the calls that change files, for PowerLossModel.
class RecordingFileSystem : public FileSystemDecorator {
 public:
  using FileSystemDecorator::FileSystemDecorator;

  const std::vector<FileOperation>& operations() const { return operations_; }

  int Open(const std::string& path, int flags, mode_t permissions) override {
    const bool creates = (flags & O_CREAT) != 0 && !std::filesystem::exists(path);
    const int fd = inner_.Open(path, flags, permissions);
    if (fd < 0) return fd;
    handles_[fd] = next_handle_++;
    operations_.push_back({.call = FileCall::kOpen,
                           .path = path,
                           .handle = handles_[fd],
                           .creates = creates,
                           .empties = (flags & O_TRUNC) != 0});
    return fd;
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    const int64_t count = inner_.Append(fd, data, size_bytes);
    if (count > 0) RecordWrite(FileCall::kAppend, fd, data, count, -1);
    return count;
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t count = inner_.Write(fd, data, size_bytes, offset);
    if (count > 0) RecordWrite(FileCall::kWrite, fd, data, count, offset);
    return count;
  }
  int Sync(int fd) override {
    return Record(inner_.Sync(fd), {.call = FileCall::kSync, .handle = handles_.at(fd)});
  }
  int SyncBytes(int fd) override {
    return Record(inner_.SyncBytes(fd), {.call = FileCall::kSync, .handle = handles_.at(fd)});
  }
  int Rename(const std::string& from, const std::string& to) override {
    return Record(inner_.Rename(from, to), {.call = FileCall::kRename, .path = from, .to = to});
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return Record(inner_.MakeFolder(path, permissions),
                  {.call = FileCall::kMakeFolder, .path = path});
  }
  int RemoveFile(const std::string& path) override {
    return Record(inner_.RemoveFile(path), {.call = FileCall::kRemoveFile, .path = path});
  }
  int RemoveFolder(const std::string& path) override {
    return Record(inner_.RemoveFolder(path), {.call = FileCall::kRemoveFolder, .path = path});
  }

 private:
  int Record(int answer, FileOperation operation) {
    if (answer >= 0) operations_.push_back(std::move(operation));
    return answer;
  }
  void RecordWrite(FileCall call, int fd, const void* data, int64_t count, int64_t offset) {
    operations_.push_back({.call = call,
                           .handle = handles_.at(fd),
                           .offset = offset,
                           .bytes = std::string(static_cast<const char*>(data), count)});
  }

  std::map<int, int64_t> handles_;
  int64_t next_handle_ = 0;
  std::vector<FileOperation> operations_;
};

/// The data that is lost when the machine stops.
enum class Loss {
  kNothing,   ///< none: the process alone died
  kBytes,     ///< file bytes since the last sync of the file are lost, names are kept
  kEntries,   ///< names since the last sync of their folder are lost, bytes are kept
  kUnsynced,  ///< both
  kMixed,     ///< by chance: each 4 KiB block and each name is the old one or the new one
};

/// A folder as the disk sees it: the last synced state and the present state of each file and
/// folder. The model is stricter than journaling file systems: syncing a file does not make its
/// name durable.
class PowerLossModel {
 public:
  /// At the start everything in the folder is durable.
  explicit PowerLossModel(const std::string& folder) : root_(folder) {
    nodes_.push_back({.is_folder = true});
    Load(folder, 0);
  }

  /// A `share` < 1 applies the first bytes of a write and no more: the write was torn.
  void Apply(const FileOperation& operation, double share = 1.0) {
    switch (operation.call) {
      case FileCall::kOpen:
        return Open(operation);
      case FileCall::kAppend:
      case FileCall::kWrite:
        return Write(operation, share);
      case FileCall::kSync: {
        Node& node = nodes_[handles_.at(operation.handle).node];
        node.synced_bytes = node.bytes;
        node.synced_entries = node.entries;
        return;
      }
      case FileCall::kRename: {
        const size_t moved = Entry(operation.path)->second;
        Parent(operation.path).entries.erase(Entry(operation.path));
        Parent(operation.to).entries[NameIn(operation.to)] = moved;
        return;
      }
      case FileCall::kMakeFolder:
        Parent(operation.path).entries[NameIn(operation.path)] = NewNode(true);
        return;
      default:
        Parent(operation.path).entries.erase(Entry(operation.path));
    }
  }

  /// Writes the files that a restarted machine would find to an empty folder.
  void Materialize(const std::string& folder, Loss loss, uint64_t seed = 0) const {
    uint64_t state = seed * 2 + 1;
    Store(folder, 0, loss, &state);
  }

 private:
  struct Node {
    bool is_folder = false;
    std::string bytes{}, synced_bytes{};
    std::map<std::string, size_t> entries{}, synced_entries{};  // [name] -> node
  };
  struct Handle {
    size_t node = 0;
    size_t position = 0;
  };

  static std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  size_t NewNode(bool is_folder) {
    nodes_.push_back({.is_folder = is_folder});
    return nodes_.size() - 1;
  }
  size_t NodeAt(const std::string& path) const {
    size_t node = 0;
    for (const std::filesystem::path& name : std::filesystem::relative(path, root_)) {
      if (name != ".") node = nodes_[node].entries.at(name.string());
    }
    return node;
  }
  Node& Parent(const std::string& path) {
    return nodes_[NodeAt(std::filesystem::path(path).parent_path().string())];
  }
  std::map<std::string, size_t>::iterator Entry(const std::string& path) {
    return Parent(path).entries.find(NameIn(path));
  }

  void Load(const std::string& folder, size_t node) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const size_t child = NewNode(entry.is_directory());
      nodes_[node].entries[entry.path().filename().string()] = child;
      if (entry.is_directory()) {
        Load(entry.path().string(), child);
      } else {
        std::ifstream file(entry.path(), std::ios::binary);
        nodes_[child].bytes.assign(std::istreambuf_iterator<char>(file), {});
        nodes_[child].synced_bytes = nodes_[child].bytes;
      }
    }
    nodes_[node].synced_entries = nodes_[node].entries;
  }

  void Open(const FileOperation& operation) {
    if (operation.creates) {
      const size_t created = NewNode(false);
      Parent(operation.path).entries[NameIn(operation.path)] = created;
    }
    const size_t node = NodeAt(operation.path);
    if (operation.empties) nodes_[node].bytes.clear();
    handles_[operation.handle] = {node, 0};
  }

  void Write(const FileOperation& operation, double share) {
    Handle& handle = handles_.at(operation.handle);
    std::string& bytes = nodes_[handle.node].bytes;
    const size_t count = static_cast<size_t>(share * static_cast<double>(operation.bytes.size()));
    const bool appends = operation.offset < 0;
    size_t begin = operation.offset;
    if (appends) begin = handle.position;
    if (bytes.size() < begin + count) bytes.resize(begin + count, '\0');
    bytes.replace(begin, count, operation.bytes, 0, count);
    if (appends) handle.position += count;
  }

  static bool Coin(uint64_t* state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 62) % 2 == 0;
  }

  template <typename Content>
  static const Content& OneOf(const Content& present, const Content& synced, uint64_t* state) {
    return Coin(state) ? present : synced;
  }

  static std::string Mixed(const Node& node, uint64_t* state) {
    constexpr size_t kBlock = 4096;
    const size_t size = OneOf(node.bytes, node.synced_bytes, state).size();
    std::string bytes;
    while (bytes.size() < size) {
      const size_t begin = bytes.size(), end = std::min(begin + kBlock, size);
      const std::string& source = OneOf(node.bytes, node.synced_bytes, state);
      if (begin < source.size()) bytes += source.substr(begin, end - begin);
      bytes.resize(end, '\0');
    }
    return bytes;
  }

  static std::string BytesLeft(const Node& node, Loss loss, uint64_t* state) {
    if (loss == Loss::kMixed) return Mixed(node, state);
    if (loss == Loss::kBytes || loss == Loss::kUnsynced) return node.synced_bytes;
    return node.bytes;
  }

  std::map<std::string, size_t> Entries(const Node& node, Loss loss, uint64_t* state) const {
    if (loss == Loss::kNothing || loss == Loss::kBytes) return node.entries;
    if (loss != Loss::kMixed) return node.synced_entries;
    std::map<std::string, size_t> entries;
    std::set<std::string> names;
    for (const auto* const all : {&node.entries, &node.synced_entries}) {
      for (const auto& [name, child] : *all) names.insert(name);
    }
    for (const std::string& name : names) {
      const auto& source = OneOf(node.entries, node.synced_entries, state);
      const auto found = source.find(name);
      if (found != source.end()) entries[name] = found->second;
    }
    return entries;
  }

  void Store(const std::string& folder, size_t index, Loss loss, uint64_t* state) const {
    for (const auto& [name, child] : Entries(nodes_[index], loss, state)) {
      const Node& node = nodes_[child];
      const std::string path = folder + "/" + name;
      if (node.is_folder) {
        std::filesystem::create_directory(path);
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        Store(path, child, loss, state);
        continue;
      }
      const std::string bytes = BytesLeft(node, loss, state);
      std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
    }
  }

  std::string root_;
  std::vector<Node> nodes_;
  std::map<int64_t, Handle> handles_;
};

}  // namespace hearth
