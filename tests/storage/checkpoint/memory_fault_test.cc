#include <algorithm>
#include <exception>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "common/error.h"
#include "tests/storage/checkpoint/fault_fixture.h"
#include "tests/storage/support/failing_memory.h"
#include "tests/tools/mutator.h"

namespace hearth {
namespace {

using ::testing::IsEmpty;
using Until = FailingMemory::Until;

/// Memory runs out at an allocation of a save or of a resume, once or for good. HEARTH_MUTATIONS
/// tells the number of places that are tried, spread over all allocations.
///
/// Each try is a process of its own. The process may end there: the destructor of a JSON value
/// allocates, and a failure there leads to std::terminate. Every try must end with an error of
/// memory or of storage, leak no descriptor, and leave the run folder like a failed save.
class CheckpointMemoryFaults : public CheckpointFaultFixture {
 protected:
  using Action = std::function<void()>;
  /// Returns the fault that it finds after `action`; empty if there is none. `error` is the
  /// exception of `action`, or null.
  using Check = std::function<std::string(std::exception_ptr error)>;

  /// Counts the allocations of a second call: the first allocates some objects that are kept.
  int64_t AllocationsOf(const Action& action) {
    action();
    StartOver();
    const FailingMemory counting(-1, Until::kEnd);
    action();
    return FailingMemory::count();
  }

  /// Calls `action` with memory failing at the nth allocation, then `check`. Returns the finding.
  std::string FindingOf(int64_t nth, Until until, const Action& action, const Check& check) {
    const std::string report = run_dir_ + ".finding";
    std::filesystem::remove(report);
    const pid_t child = ::fork();
    if (child == 0) Try(nth, until, action, check, report);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return "no process";
    if (!WIFEXITED(status)) return fmt::format("died of signal {}", WTERMSIG(status));
    ended_ += WEXITSTATUS(status) == kEnded;
    if (WEXITSTATUS(status) == kEnded) return "";
    if (WEXITSTATUS(status) != 0) return "terminated, and not for want of memory";
    return Slurp(report);
  }

  /// Calls `at(nth, until)` for places spread over `count` allocations. Returns all findings.
  template <typename At>
  static std::vector<std::string> FindingsAt(int64_t count, const At& at) {
    std::vector<std::string> findings;
    const int64_t tries = std::min(count, testing::MutationCount());
    for (const Until until : {Until::kNextCall, Until::kEnd}) {
      for (int64_t number = 0; number < tries; ++number) {
        const int64_t nth = count * number / tries;
        const std::string finding = at(nth, until);
        if (finding.empty()) continue;
        const char* const later = until == Until::kEnd ? " and all later" : "";
        findings.push_back(fmt::format("allocation {} of {}{}: {}", nth, count, later, finding));
      }
    }
    return findings;
  }

  /// The message of an error that is neither of memory nor of storage, else "".
  static std::string OtherError(const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
    } catch (const StorageError&) {
    } catch (const std::exception& other) {
      return other.what();
    }
    return "";
  }

  int64_t ended_ = 0;  // processes that ended by std::terminate for want of memory

 private:
  static constexpr int kEnded = 3;

  [[noreturn]] static void Try(int64_t nth, Until until, const Action& action, const Check& check,
                               const std::string& report) {
    std::set_terminate([] {
      try {
        if (std::current_exception()) throw;
        ::_exit(1);
      } catch (const std::bad_alloc&) {
        ::_exit(kEnded);
      } catch (...) {
        ::_exit(1);
      }
    });
    const int64_t descriptors = OpenDescriptors();
    std::exception_ptr error;
    {
      const FailingMemory memory(nth, until);
      try {
        action();
      } catch (...) {
        error = std::current_exception();
      }
    }
    std::string finding = check(error);
    if (OpenDescriptors() != descriptors) finding += "a descriptor is left open";
    if (::waitpid(-1, nullptr, WNOHANG) >= 0) finding += "a process is left";
    WriteFileDurably(report, finding);
    ::_exit(0);
  }
};

TEST_F(CheckpointMemoryFaults, EachAllocationOfASaveFails) {
  const auto save = [this] { SaveAndPrune(30); };
  const int64_t count = AllocationsOf(save);
  const auto next_save = [this](const std::exception_ptr& error) {
    std::string finding = OtherError(error);
    try {
      SaveAndPrune(40);
    } catch (const std::exception& next) {
      finding += fmt::format(", saving step 40 next: {}", next.what());
    }
    return finding;
  };
  const auto findings = FindingsAt(count, [&](int64_t nth, Until until) {
    StartOver();
    committed_ = 20;
    const auto finding = FindingOf(
        nth, until, [this] { SaveAndPrune(30); }, next_save);
    std::vector<std::string> found;
    CheckResume(run_dir_, Newest, &found);
    SaveAndPrune(50);
    const std::vector<std::string> names = NamesIn(run_dir_ + "/checkpoints");
    if (std::ranges::any_of(
            names, [](const auto& name) { return name.find(".tmp") != std::string::npos; })) {
      found.push_back(fmt::format("left in the folder: {}", fmt::join(names, " ")));
    }
    return fmt::format("{}{}", finding, fmt::join(found, ", "));
  });
  EXPECT_THAT(findings, IsEmpty());
  std::printf("%ld allocations, %ld processes had to end\n", count, ended_);
}

TEST_F(CheckpointMemoryFaults, EachAllocationOfAResumeFails) {
  for (const Author author : {Author::kThisJob, Author::kUnknown}) {
    std::string found;
    const auto resume = [&] {
      found.clear();
      const CheckpointReader reader(CheckpointFixture::Newest(author).value(), author);
      const std::string hash = ContentHash(reader);
      found = fmt::format("{} {}", reader.manifest().step, hash);
    };
    const int64_t count = AllocationsOf(resume);
    const std::string newest = found;
    // When the reader in a sandbox runs out of memory, an error says so, and the run continues from
    // the checkpoint before.
    const auto check = [&](const std::exception_ptr& error) -> std::string {
      constexpr std::string_view kSandbox = "cannot be read safely";
      const std::string other = OtherError(error);
      if (author == Author::kUnknown && other.find(kSandbox) != std::string::npos) return "";
      if (error || found == newest) return other;
      const bool announced =
          refused_.size() == 1 && refused_[0].find(kSandbox) != std::string::npos;
      const bool older = author == Author::kUnknown && announced && found.starts_with("10 ");
      return older ? "" : "went on from " + found;
    };
    EXPECT_THAT(
        FindingsAt(count,
                   [&](int64_t nth, Until until) { return FindingOf(nth, until, resume, check); }),
        IsEmpty());
    EXPECT_EQ(CheckpointFixture::Newest(), CheckpointPath(run_dir_, 20));
    std::printf("%ld allocations, %ld processes had to end\n", count, ended_);
  }
}

}  // namespace
}  // namespace hearth
