#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "storage/file/durable_file.h"
#include "tests/storage/checkpoint/checkpoint_fixture.h"
#include "tests/storage/support/file_system_doubles.h"
#include "tests/storage/support/power_loss.h"

namespace hearth {

/// Acts like a run that starts again: returns the path of the checkpoint it continues from.
using Resume = std::function<std::optional<std::string>(const std::string& run_dir)>;
/// Breaks a file system: puts another one between the code and `inner`.
using Breakage = std::function<std::unique_ptr<FileSystem>(FileSystem& inner)>;

/// A run with steps 10 and 20 committed that is about to save step 30 and prune step 10, on storage
/// that fails. A finding tells a violation of the promise, in words; a correct hearth has none. The
/// promise is: a committed checkpoint is found again; a checkpoint that is found is whole; a failed
/// save is an error of storage, leaks nothing and does not hinder the next one.
class CheckpointFaultFixture : public CheckpointFixture {
 protected:
  enum class Kind { kWhole, kDelta };

  /// `kind` is the kind of step 30: whole, or a delta of step 20.
  explicit CheckpointFaultFixture(Kind kind = Kind::kWhole)
      : fast_(FileSystem::Posix()), scope_(fast_) {
    if (kind == Kind::kDelta) base_of_[30] = 20;
    for (const int64_t step : {10, 20}) SaveAndPrune(step);
    for (const int64_t step : {10, 20, 30, 40}) content_[step] = ContentOf(step);
    // LATEST names 20, because it was saved last.
    std::filesystem::rename(run_dir_, start_ = run_dir_ + "-start");
    StartOver();
  }
  ~CheckpointFaultFixture() override { std::filesystem::remove_all(start_); }

  void StartOver() {
    std::filesystem::remove_all(run_dir_);
    std::filesystem::copy(start_, run_dir_, std::filesystem::copy_options::recursive);
  }

  static int64_t OpenDescriptors() { return std::ssize(NamesIn("/proc/self/fd")); }

  /// Acts like a trainer with two ranks at a step. After an error it abandons the save.
  void SaveAndPrune(int64_t step) {
    std::string folder;
    try {
      folder = PrepareCheckpoint(run_dir_, step, run_id_);
      std::vector<CheckpointPiece> pieces;
      for (int rank = 0; rank < 2; ++rank) pieces.push_back(WritePiece(folder, step, rank, 2));
      CommitCheckpoint(run_dir_, folder, ManifestAt(step, std::move(pieces)));
      committed_ = step;
      PruneCheckpoints(run_dir_, 2, {});
    } catch (...) {
      if (!folder.empty()) AbandonCheckpoint(folder);
      throw;
    }
  }

  /// Saves step 30 and prunes under `files`, then checks the run folder.
  std::vector<std::string> FindingsOfSaveOn(FileSystem& files, const Resume& resume) {
    std::vector<std::string> findings;
    StartOver();
    committed_ = 20;
    const int64_t descriptors = OpenDescriptors();
    {
      const ScopedFileSystem scope(files);
      try {
        SaveAndPrune(30);
      } catch (const StorageError&) {
      } catch (const std::exception& error) {
        findings.push_back(std::string("not an error of storage: ") + error.what());
      }
    }
    if (OpenDescriptors() != descriptors) findings.push_back("a descriptor is left open");
    CheckResume(run_dir_, resume, &findings);
    for (const int64_t step : {30, 40}) {
      try {
        SaveAndPrune(step);
      } catch (const std::exception& error) {
        findings.push_back(fmt::format("saving step {} next: {}", step, error.what()));
      }
    }
    const std::vector<std::string> names = NamesIn(run_dir_ + "/checkpoints");
    std::vector<std::string> expected = {"LATEST", "step-000030", "step-000040"};
    if (base_of_.contains(30)) expected.insert(expected.begin() + 1, "step-000020");
    if (names != expected) {
      findings.push_back(fmt::format("left in the folder: {}", fmt::join(names, " ")));
    }
    CheckResume(run_dir_, resume, &findings);
    return findings;
  }

  /// Checks that a run that starts again finds the last committed step, or a step that was about to
  /// be committed, and that every folder that looks committed is whole.
  void CheckResume(const std::string& run_dir, const Resume& resume,
                   std::vector<std::string>* findings) const {
    try {
      const std::optional<std::string> path = resume(run_dir);
      if (!path) return findings->push_back("starts afresh");
      const int64_t step = ParseStepName(std::filesystem::path(*path).filename().string()).value();
      if (step < committed_) {
        findings->push_back(fmt::format("resumes at {}, committed was {}", step, committed_));
      }
      if (ContentHash(CheckpointReader(*path, Author::kThisJob)) != content_.at(step)) {
        findings->push_back(fmt::format("step {} has other content", step));
      }
      for (const int64_t other : ListSteps(run_dir)) {
        VerifyCheckpoint(CheckpointPath(run_dir, other), Author::kThisJob);
      }
    } catch (const std::exception& error) {
      findings->push_back(std::string("cannot resume: ") + error.what());
    }
  }

  static std::optional<std::string> Newest(const std::string& run_dir) {
    return FindNewestValid(
        run_dir, [](const std::string&, const std::string&) {}, Author::kThisJob);
  }

  /// Lets every call of a save fail once, in the way of `failure`.
  std::vector<std::string> FindingsOfEveryFailure(Failure failure, const Resume& resume = Newest,
                                                  const Breakage& breakage = nullptr) {
    std::vector<std::string> findings;
    for (failure.nth = 0;; ++failure.nth) {
      FailingFileSystem failing(fast_, failure);
      const std::unique_ptr<FileSystem> broken = breakage ? breakage(failing) : nullptr;
      for (const std::string& finding : FindingsOfSaveOn(broken ? *broken : failing, resume)) {
        findings.push_back(fmt::format(
            "{} call {}: {}", failure.call ? NameOf(*failure.call) : "any", failure.nth, finding));
      }
      if (!failing.failed()) break;
      ++failures_tried_;
    }
    return findings;
  }

  /// Stops the machine after every operation of a save, with every kind of loss. If words are
  /// `sought`, starts at the rename that commits, and ends when a finding has these words.
  std::vector<std::string> FindingsOfEveryCrash(const Resume& resume = Newest,
                                                const Breakage& breakage = nullptr,
                                                const std::string& sought = "") {
    StartOver();
    RecordingFileSystem recording(fast_);
    const std::unique_ptr<FileSystem> broken = breakage ? breakage(recording) : nullptr;
    size_t committed_at = 0;
    {
      const ScopedFileSystem scope(broken ? *broken : recording);
      const auto [folder, manifest] = WriteAside(30);
      CommitCheckpoint(run_dir_, folder, manifest);
      committed_at = recording.operations().size();
      PruneCheckpoints(run_dir_, 2, {});
    }
    StartOver();
    std::vector<std::string> findings;
    PowerLossModel disk(run_dir_);
    const std::vector<FileOperation>& operations = recording.operations();
    bool checks = sought.empty();
    for (size_t done = 0; done <= operations.size(); ++done) {
      committed_ = done >= committed_at ? 30 : 20;
      if (checks && (done == operations.size() || operations[done].Changes())) {
        CheckLosses(disk, fmt::format("after {} operations", done), resume, &findings);
      }
      if (done == operations.size() || AnyHas(findings, sought)) break;
      checks = checks || operations[done].to == CheckpointPath(run_dir_, 30);
      if (checks && !operations[done].bytes.empty()) {
        PowerLossModel torn = disk;
        torn.Apply(operations[done], 0.5);
        CheckLoss(torn, Loss::kNothing, 0, fmt::format("write {} torn", done), resume, &findings);
      }
      disk.Apply(operations[done]);
    }
    return findings;
  }

  UnsyncedFileSystem fast_;
  int64_t failures_tried_ = 0, crashes_tried_ = 0;
  int64_t committed_ = -1;  // the step of the last commit that returned

 private:
  std::string ContentOf(int64_t step) {
    const std::string path = CheckpointPath(run_dir_, step);
    if (PathExists(path)) return ContentHash(CheckpointReader(path, Author::kThisJob));
    const auto [folder, manifest] = WriteAside(step);
    WriteFileDurably(folder + "/" + kManifestFile, SerializeManifest(manifest));
    const std::string hash = ContentHash(CheckpointReader(folder, Author::kThisJob));
    AbandonCheckpoint(folder);
    return hash;
  }

  /// False when `words` is empty.
  static bool AnyHas(const std::vector<std::string>& findings, const std::string& words) {
    return !words.empty() && std::ranges::any_of(findings, [&](const std::string& finding) {
      return finding.find(words) != std::string::npos;
    });
  }

  void CheckLosses(const PowerLossModel& disk, const std::string& when, const Resume& resume,
                   std::vector<std::string>* findings) {
    for (const Loss loss : {Loss::kNothing, Loss::kBytes, Loss::kEntries, Loss::kUnsynced}) {
      CheckLoss(disk, loss, 0, when, resume, findings);
    }
    for (uint64_t seed = 0; seed < 8; ++seed) {
      CheckLoss(disk, Loss::kMixed, seed, when, resume, findings);
    }
  }

  void CheckLoss(const PowerLossModel& disk, Loss loss, uint64_t seed, const std::string& when,
                 const Resume& resume, std::vector<std::string>* findings) {
    const std::string restarted = run_dir_ + "-restarted";
    std::filesystem::remove_all(restarted);
    std::filesystem::create_directory(restarted);
    disk.Materialize(restarted, loss, seed);
    std::vector<std::string> found;
    CheckResume(restarted, resume, &found);
    for (const std::string& finding : found) {
      findings->push_back(
          fmt::format("{}, loss {}, seed {}: {}", when, static_cast<int>(loss), seed, finding));
    }
    std::filesystem::remove_all(restarted);
    ++crashes_tried_;
  }

  ScopedFileSystem scope_;
  std::string start_;
  std::map<int64_t, std::string> content_;  // [step] -> ContentHash
};

}  // namespace hearth
