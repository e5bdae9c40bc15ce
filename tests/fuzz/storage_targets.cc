#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "common/error.h"
#include "common/hash.h"
#include "storage/checkpoint/manifest.h"
#include "storage/import/importers.h"
#include "storage/import/json_lists.h"
#include "storage/shard/dataset.h"
#include "tests/fuzz/targets.h"

namespace hearth::fuzz {
namespace {

/// A file in memory with a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    HEARTH_CHECK(written == static_cast<ssize_t>(text.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

class CheckingSink : public EventSink {
 public:
  void Add(const RawEvent& event, const RowPlace& place) override {
    HEARTH_CHECK(!event.user.empty() && !event.item.empty() && place.line >= 1);
  }
};

}  // namespace

void CheckpointManifestTarget(std::string_view text) {
  // The manifest's own hash is made right, or no mutation would get past it.
  constexpr std::string_view kPrefix = "{\n  \"manifest_sha256\": \"";
  constexpr size_t kDigits = 64;
  std::string hashed(kPrefix);
  hashed += std::string(kDigits, '0');
  hashed += text;
  hashed.replace(kPrefix.size(), kDigits, Sha256Hex(hashed));
  try {
    const CheckpointManifest manifest = ParseManifest(hashed, "fuzz");
    HEARTH_CHECK(manifest.size_bytes() > 0);
    for (const auto& [name, spec] : manifest.Arrays("fuzz")) {
      HEARTH_CHECK(IsArrayName(name) && spec.row_bytes() >= 0 && spec.row_count() >= 0);
    }
    SerializeManifest(manifest);  // applies every rule again
  } catch (const DataError&) {
  }
}

void DataManifestTarget(std::string_view text) {
  try {
    const DatasetManifest manifest = ParseDatasetManifest(text, "fuzz");
    int64_t event_count = 0;
    for (const Part part : AllParts()) event_count += manifest.EventCount(part);
    HEARTH_CHECK(event_count == manifest.event_count);
  } catch (const DataError&) {
  }
}

void CsvTarget(std::string_view text) {
  const MemoryFile file(text);
  ColumnOptions options;
  options.delimiter = ",";
  options.label_column = "label";
  options.time_column = "time";
  try {
    BadRows bad_rows(BadRowRule::kRefuse, 0);
    CheckingSink sink;
    MakeTableSource("csv", file.path(), options, "", &bad_rows)->ReadEvents(&sink);
  } catch (const DataError&) {
  } catch (const UsageError&) {  // the header lacks a column that was asked for
  }
}

void JsonLinesTarget(std::string_view text) {
  const MemoryFile log(text), items(text);
  ColumnOptions options;
  options.label_column = "label";
  options.user_column = "who.id";
  options.item_features = items.path();
  options.kinds = {"a.b=categories", "v=vector"};
  try {
    BadRows bad_rows(BadRowRule::kSkip, 1'000'000);
    CheckingSink sink;
    const auto source = MakeTableSource("jsonl", log.path(), options, "", &bad_rows);
    source->ReadEvents(&sink);
    EntityBuilder users({}, true, &bad_rows), known({}, true, &bad_rows);
    source->ReadFeatures(&users, &known);
    HEARTH_CHECK(known.Build().size() >= 0);
  } catch (const DataError&) {
  }
}

void JsonListsTarget(std::string_view text) {
  const MemoryFile file(text);
  try {
    ReadJsonLists(file.path());
  } catch (const DataError&) {
  }
}

}  // namespace hearth::fuzz
