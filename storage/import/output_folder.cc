#include "storage/import/output_folder.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "common/error.h"
#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemporary = ".conversion";

/// True for the files of a data set and for the leftovers of an interrupted conversion.
bool IsDatasetFile(const fs::path& path) {
  return path.filename() == "manifest.json" || path.filename() == kTemporary ||
         path.extension() == ".h5" || path.extension().string().starts_with(".tmp-");
}

std::vector<fs::path> ListFolder(const std::string& path) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    entries.push_back(entry.path());
  }
  return entries;
}

void RefuseForeignFiles(const std::string& path, const std::vector<fs::path>& entries) {
  for (const fs::path& entry : entries) {
    if (!IsDatasetFile(entry)) {
      throw UsageError(
          "{} holds {}, which is no file of a data set; nothing was removed, choose "
          "another output folder",
          path, entry.filename().string());
    }
  }
}

}  // namespace

OutputFolder::OutputFolder(std::string path, bool overwrite) : path_(std::move(path)) {
  if (path_.empty()) throw UsageError("no output folder was given; use --output DIR");
  try {
    if (fs::exists(path_) && !fs::is_directory(path_)) {
      throw UsageError("{} is a file; --output wants a folder", path_);
    }
    created_ = fs::create_directories(path_);
    const std::vector<fs::path> entries = ListFolder(path_);
    if (entries.empty()) return;
    if (!overwrite) {
      throw UsageError(
          "the output folder {} is not empty; choose another, or replace the data set "
          "in it with --overwrite",
          path_);
    }
    RefuseForeignFiles(path_, entries);
    // The manifest goes first: without a manifest a half-emptied folder is no data set.
    fs::remove(fs::path(path_) / "manifest.json");
    for (const fs::path& entry : entries) fs::remove_all(entry);
  } catch (const fs::filesystem_error& error) {
    ThrowFileError("prepare the output folder", path_, error.code().value());
  }
}

OutputFolder::~OutputFolder() {
  if (committed_) return;
  std::error_code ignored;  // destructors never throw; files that cannot be removed stay visible
  for (fs::directory_iterator it(path_, ignored), end; it != end; it.increment(ignored)) {
    if (IsDatasetFile(it->path())) fs::remove_all(it->path(), ignored);
  }
  if (created_) fs::remove(path_, ignored);
}

std::string OutputFolder::temporary() const { return (fs::path(path_) / kTemporary).string(); }

void OutputFolder::Commit() {
  committed_ = true;
  std::error_code error;
  fs::remove_all(temporary(), error);
  if (error) throw StorageError("cannot remove {}: {}", temporary(), error.message());
}

}  // namespace hearth
