// WriteEntities and ReadEntities of dataset.h: users.h5 and items.h5.

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/durable_file.h"
#include "storage/file/hdf5.h"
#include "storage/shard/dataset.h"
#include "storage/shard/shard_format.h"

namespace hearth {
namespace {

constexpr int64_t kMaxWidth = 1 << 16;
constexpr size_t kMaxNameBytes = 1024;

std::string FeatureGroup(int64_t number) { return fmt::format("/features/{}", number); }

/// Writes a list of texts as CSR: GROUP/offsets int64 [n + 1] into GROUP/bytes uint8.
void WriteTexts(const std::string& group, const std::vector<std::string>& texts, Hdf5File* file) {
  std::vector<int64_t> offsets{0};
  std::vector<uint8_t> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(std::ssize(bytes));
  }
  file->WriteDataset(group + "/offsets", offsets);
  file->WriteDataset(group + "/bytes", bytes);
}

void CheckCsr(const std::string& path, const std::string& name, const std::vector<int64_t>& offsets,
              int64_t value_count) {
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != value_count ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    throw DataError("'{}': {} must start with 0, never decrease and end with {}", path, name,
                    value_count);
  }
}

std::vector<std::string> ReadTexts(const Hdf5File& file, const std::string& group) {
  const auto offsets = file.ReadDataset<int64_t>(group + "/offsets");
  const auto bytes = file.ReadDataset<uint8_t>(group + "/bytes");
  CheckCsr(file.path(), group + "/offsets", offsets, std::ssize(bytes));
  std::vector<std::string> texts;
  texts.reserve(offsets.size() - 1);
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    texts.emplace_back(bytes.begin() + offsets[i], bytes.begin() + offsets[i + 1]);
  }
  return texts;
}

bool HasVocabulary(FeatureKind kind) {
  return kind == FeatureKind::kCategory || kind == FeatureKind::kCategories;
}

void CheckSize(const std::string& path, const std::string& name, int64_t size, int64_t expected) {
  if (size != expected) {
    throw DataError("'{}': {} has {} entries, expected {}", path, name, size, expected);
  }
}

/// Checks everything that later reads of a feature rely on: sizes, offsets, and categories inside
/// the vocabulary.
void CheckFeature(const std::string& path, const std::string& where, const FeatureColumn& feature,
                  int64_t entity_count) {
  if (feature.name.empty() || feature.name.size() > kMaxNameBytes) {
    throw DataError("'{}': {} has a name of {} bytes, expected 1..{}", path, where,
                    feature.name.size(), kMaxNameBytes);
  }
  if (HasVocabulary(feature.kind)) {
    if (feature.vocabulary.empty() || !feature.vocabulary.front().empty()) {
      throw DataError("'{}': {}: category 0 must be \"\" (missing)", path, where);
    }
    const int64_t limit = std::ssize(feature.vocabulary);
    for (const int32_t category : feature.categories) {
      if (category < 0 || category >= limit) {
        throw DataError("'{}': {} has category {}, its vocabulary has {}", path, where, category,
                        limit);
      }
    }
  }
  switch (feature.kind) {
    case FeatureKind::kCategory:
      return CheckSize(path, where, feature.categories.size(), entity_count);
    case FeatureKind::kCategories:
      CheckSize(path, where + "/offsets", feature.offsets.size(), entity_count + 1);
      return CheckCsr(path, where + "/offsets", feature.offsets, std::ssize(feature.categories));
    case FeatureKind::kNumber:
      return CheckSize(path, where, feature.numbers.size(), entity_count);
    case FeatureKind::kVector:
      if (feature.width < 1 || feature.width > kMaxWidth) {
        throw DataError("'{}': {} has width {}, expected 1..{}", path, where, feature.width,
                        kMaxWidth);
      }
      return CheckSize(path, where, feature.numbers.size(), entity_count * feature.width);
  }
}

void CheckTable(const std::string& path, const EntityTable& table) {
  if (!table.titles.empty()) CheckSize(path, "/titles", table.titles.size(), table.size());
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < table.features.size(); ++i) {
    const FeatureColumn& feature = table.features[i];
    CheckFeature(path, FeatureGroup(i), feature, table.size());
    if (!names.insert(feature.name).second) {
      throw DataError("'{}': two features are named '{}'", path, feature.name);
    }
  }
}

void WriteFeature(const std::string& group, const FeatureColumn& feature, Hdf5File* file) {
  file->SetAttribute(group, shard_format::kFeatureName, feature.name);
  file->SetAttribute(group, shard_format::kFeatureKind, KindNumber(feature.kind));
  if (HasVocabulary(feature.kind)) {
    WriteTexts(group + "/vocabulary", feature.vocabulary, file);
    file->WriteDataset(group + "/values", feature.categories);
  } else {
    file->WriteDataset(group + "/values", feature.numbers);
  }
  if (feature.kind == FeatureKind::kCategories) {
    file->WriteDataset(group + "/offsets", feature.offsets);
  }
  if (feature.kind == FeatureKind::kVector) {
    file->SetAttribute(group, shard_format::kFeatureWidth, feature.width);
  }
}

FeatureColumn ReadFeature(const Hdf5File& file, const std::string& group) {
  FeatureColumn feature;
  feature.name = file.TextAttribute(group, shard_format::kFeatureName);
  const int64_t kind = file.IntAttribute(group, shard_format::kFeatureKind);
  if (kind < 0 || kind > KindNumber(FeatureKind::kVector)) {
    throw DataError("'{}': {} is of unknown kind {}", file.path(), group, kind);
  }
  feature.kind = static_cast<FeatureKind>(kind);
  if (HasVocabulary(feature.kind)) {
    feature.vocabulary = ReadTexts(file, group + "/vocabulary");
    feature.categories = file.ReadDataset<int32_t>(group + "/values");
  } else {
    feature.numbers = file.ReadDataset<float>(group + "/values");
  }
  if (feature.kind == FeatureKind::kCategories) {
    feature.offsets = file.ReadDataset<int64_t>(group + "/offsets");
  }
  if (feature.kind == FeatureKind::kVector) {
    feature.width = file.IntAttribute(group, shard_format::kFeatureWidth);
  }
  return feature;
}

}  // namespace

std::string WriteEntities(const std::string& path, const EntityTable& table) {
  CheckTable(path, table);
  PendingFile pending(path, kSharedFile);
  Hdf5File file = Hdf5File::Create(pending.temporary_path());
  file.SetAttribute("/", shard_format::kKind, "entities");
  file.SetAttribute("/", shard_format::kFormatVersion, shard_format::kVersion);
  file.SetAttribute("/", shard_format::kEntityCount, table.size());
  file.SetAttribute("/", shard_format::kFeatureCount, std::ssize(table.features));
  WriteTexts("/ids", table.ids, &file);
  if (!table.titles.empty()) WriteTexts("/titles", table.titles, &file);
  for (size_t i = 0; i < table.features.size(); ++i) {
    WriteFeature(FeatureGroup(i), table.features[i], &file);
  }
  file.Close();
  const std::string sha256 = Sha256OfFile(pending.temporary_path());
  pending.Commit();
  return sha256;
}

EntityTable ReadEntities(const std::string& path) {
  return ReadEntities(FileDescriptor::OpenForReading(path));
}

EntityTable ReadEntities(const FileDescriptor& descriptor) {
  const Hdf5File file = Hdf5File::OpenReadOnly(descriptor);
  const std::string& path = descriptor.path();
  const int64_t version = file.IntAttribute("/", shard_format::kFormatVersion);
  if (version != shard_format::kVersion) {
    throw DataError("'{}' is of format {}; this hearth reads format {}", path, version,
                    shard_format::kVersion);
  }
  const std::string kind = file.TextAttribute("/", shard_format::kKind);
  if (kind != "entities") throw DataError("'{}' holds '{}', expected entities", path, kind);
  EntityTable table;
  table.ids = ReadTexts(file, "/ids");
  CheckSize(path, "/ids", table.ids.size(), file.IntAttribute("/", shard_format::kEntityCount));
  if (file.Exists("/titles")) table.titles = ReadTexts(file, "/titles");
  const int64_t feature_count = file.IntAttribute("/", shard_format::kFeatureCount);
  for (int64_t i = 0; i < feature_count; ++i) {
    table.features.push_back(ReadFeature(file, FeatureGroup(i)));
  }
  CheckTable(path, table);
  return table;
}

void CheckNumbers(const std::string& path, const EntityTable& table) {
  for (const FeatureColumn& feature : table.features) {
    const auto bad = std::ranges::find_if(feature.numbers, [](float x) { return std::isinf(x); });
    if (bad == feature.numbers.end()) continue;
    throw DataError("'{}': feature '{}' entity {} is {}, expected a finite number or NaN", path,
                    feature.name, (bad - feature.numbers.begin()) / feature.width, *bad);
  }
}

}  // namespace hearth
