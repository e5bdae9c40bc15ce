// Ends training processes at exact places, and starts them again from their files until the run is
// done.
//
//   crash_driver [--trials N] [--seed S] [--only TRIAL]
//
// A trial is a run of two ranks. Its process ends at one place, as if it had lost power: when it
// enters a phase of training (training_phases.h) or makes a call of the file system for the n-th
// time. The run is then started again. It may end early again; the last start runs to the end. The
// trials use the places in turn, and n is random. Three checks do not rely on the trainer:
//   - The hash of the model equals the hash of a run that nobody ended.
//   - No start resumes from a step before the last step that was announced as committed.
//   - The steps that count are 1, 2, ... without a hole. Each epoch uses every task once.
// If a check fails or a place is never reached, the driver prints a line that repeats the trial,
// and exits with 1.
#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "common/phase.h"
#include "common/random.h"
#include "sampler/meta_batch_loader.h"
#include "storage/file/file_system.h"
#include "tests/storage/support/file_system_doubles.h"
#include "tests/trainer/support/training.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

constexpr int kRanks = 2;
constexpr int64_t kSteps = 12;
constexpr int kCrashed = 137;
constexpr std::array kPhases = {
    kStartPhase,      kLoadPhase,       kFetchPhase,     kComputePhase,     kReducePhase,
    kUpdatePhase,     kEvaluatePhase,   kSavePhase,      kSavePreparePhase, kSaveWritePhase,
    kSaveGatherPhase, kSaveCommitPhase, kSavePrunePhase, kEndPhase};
constexpr size_t kPhaseCount = kPhases.size();

enum class Call { kOpen, kClose, kWrite, kSync, kRename, kMakeFolder, kRemove };
constexpr size_t kCallCount = static_cast<size_t>(Call::kRemove) + 1;
constexpr std::array<const char*, kCallCount> kCallNames = {
    "open", "close", "write", "sync", "rename", "make folder", "remove"};
constexpr size_t kPlaceCount = kPhaseCount + kCallCount;

std::string NameOfPlace(size_t place) {
  return place < kPhaseCount ? "phase " + std::string(kPhases[place].name)
                             : std::string("file ") + kCallNames[place - kPhaseCount];
}

// The driver shares this memory with the processes that it starts.
struct Shared {
  std::array<std::atomic<int64_t>, kPlaceCount> passed;  // times that the process passed each place
  int64_t place = -1;  // the process ends at this place; -1: it runs to the end
  int64_t number = 0;  // it ends when it passes the place for this time, from 1
  bool after = false;  // it ends after the call, else before the call
  pid_t process = 0;   // the process that counts; its children do not count
};
Shared* shared = nullptr;

bool IsTheEnd(size_t place) {
  if (::getpid() != shared->process) return false;
  const int64_t number = shared->passed[place].fetch_add(1) + 1;
  return shared->place == static_cast<int64_t>(place) && shared->number == number;
}

void PassPhase(Phase phase) {
  const auto found = std::ranges::find(kPhases, phase);
  HEARTH_CHECK(found != kPhases.end(), "phase '{}' is not in the list", phase.name);
  if (IsTheEnd(found - kPhases.begin())) _exit(kCrashed);
}

// Calls POSIX, but ends the process at one call.
class EndingFileSystem : public FileSystemDecorator {
  template <typename Work>
  auto Pass(Call call, const Work& work) {
    const bool ends = IsTheEnd(kPhaseCount + static_cast<size_t>(call));
    if (ends && !shared->after) _exit(kCrashed);
    const auto answer = work();
    if (ends) _exit(kCrashed);
    return answer;
  }

 public:
  EndingFileSystem() : FileSystemDecorator(Posix()) {}

  int Open(const std::string& path, int flags, mode_t permissions) override {
    return Pass(Call::kOpen, [&] { return inner_.Open(path, flags, permissions); });
  }
  int Close(int fd) override {
    return Pass(Call::kClose, [&] { return inner_.Close(fd); });
  }
  int64_t Append(int fd, const void* data, int64_t size_bytes) override {
    return Pass(Call::kWrite, [&] { return inner_.Append(fd, data, size_bytes); });
  }
  int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
    return Pass(Call::kWrite, [&] { return inner_.Write(fd, data, size_bytes, offset); });
  }
  int Sync(int fd) override {
    return Pass(Call::kSync, [&] { return inner_.Sync(fd); });
  }
  int SyncBytes(int fd) override {
    return Pass(Call::kSync, [&] { return inner_.SyncBytes(fd); });
  }
  int Rename(const std::string& from, const std::string& to) override {
    return Pass(Call::kRename, [&] { return inner_.Rename(from, to); });
  }
  int MakeFolder(const std::string& path, mode_t permissions) override {
    return Pass(Call::kMakeFolder, [&] { return inner_.MakeFolder(path, permissions); });
  }
  int RemoveFile(const std::string& path) override {
    return Pass(Call::kRemove, [&] { return inner_.RemoveFile(path); });
  }
  int RemoveFolder(const std::string& path) override {
    return Pass(Call::kRemove, [&] { return inner_.RemoveFolder(path); });
  }
};

// Writes the events of a run, one per line: "start 0", "resume 3", "step 4", "commit 6". Each line
// goes to the kernel at once, so it survives the end of the process.
class StateLog {
 public:
  explicit StateLog(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    HEARTH_CHECK(fd_ >= 0, "'{}'", path);
  }
  ~StateLog() { ::close(fd_); }
  StateLog(const StateLog&) = delete;
  StateLog& operator=(const StateLog&) = delete;
  void Add(const char* what, int64_t step) {
    const std::string line = fmt::format("{} {}\n", what, step);
    HEARTH_CHECK(::write(fd_, line.data(), line.size()) == std::ssize(line));
  }

 private:
  int fd_;
};

class LoggingObserver : public RecordingObserver {
 public:
  explicit LoggingObserver(StateLog* log) : log_(log) {}
  void OnResume(const std::string&, int64_t step) override { log_->Add("resume", step); }
  void OnStep(const StepReport& report) override { log_->Add("step", report.step); }
  void OnCheckpoint(const CheckpointReport& report) override { log_->Add("commit", report.step); }

 private:
  StateLog* log_;
};

TrainerOptions RunOptions(const std::string& run_dir) {
  TrainerOptions options = SmallRunOfManyItems(run_dir, kSteps);
  options.eval.every_steps = 5;
  options.checkpoint.every_steps = 3;
  options.dist.check_every = 4;
  options.dist.replicate_bytes = 0;  // sharded tables
  options.checkpoint_delta_from_bytes = 0;
  options.checkpoint.max_deltas = 2;  // both kinds of checkpoints within a run
  return options;
}

// Runs training in a process of its own, and returns the exit code of the process.
int RunToTheEnd(const std::string& data, const std::string& run_dir, const std::string& log_path) {
  const pid_t child = ::fork();
  HEARTH_CHECK(child >= 0);
  if (child == 0) {
    int code = 0;
    try {
      shared->process = ::getpid();
      at::set_num_threads(1);
      EndingFileSystem files;
      FileSystem::Replace(&files);
      SetPhaseHook(&PassPhase);
      EnterPhase(kStartPhase);
      const Dataset dataset(DatasetOptions{.path = data});
      StateLog log(log_path);
      log.Add("start", 0);
      RunOnThreads(kRanks, [&](Communicator& communicator) {
        const std::atomic<bool> stop = false;
        RecordingObserver silent;
        LoggingObserver logging(&log);
        RecordingObserver& observer =
            communicator.is_root() ? static_cast<RecordingObserver&>(logging) : silent;
        Train(RunOptions(run_dir), dataset, communicator, observer, stop);
      });
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      code = 1;
    }
    std::fflush(stderr);
    _exit(code);
  }
  int status = 0;
  HEARTH_CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Arm(int64_t place, int64_t number, bool after) {
  for (auto& count : shared->passed) count = 0;
  shared->place = place;
  shared->number = number;
  shared->after = after;
}

// Describes the error in the log of a run that is done. Returns "" if there is no error.
std::string Disagreement(const std::string& log_path) {
  std::ifstream log(log_path);
  std::string what;
  int64_t committed = 0;
  std::vector<int64_t> counted;  // the steps that the final model contains
  bool just_started = false;
  for (int64_t step = 0; log >> what >> step;) {
    if (what == "commit") committed = std::max(committed, step);
    if (what == "resume" || (what == "step" && just_started)) {
      const int64_t from = what == "resume" ? step : 0;
      if (from < committed)
        return fmt::format("went on from {}, {} was committed", from, committed);
      std::erase_if(counted, [&](int64_t later) { return later > from; });
    }
    if (what == "step") counted.push_back(step);
    just_started = what == "start";
  }
  for (int64_t step = 1; step <= kSteps; ++step) {
    if (std::ssize(counted) < step || counted[step - 1] != step) {
      return fmt::format("step {} is missing or was taken twice", step);
    }
  }
  return std::ssize(counted) == kSteps ? "" : "steps after the last one";
}

// Checks that the steps 1 to kSteps use each task once in an epoch. Returns "" or the error.
std::string UnevenTasks(const std::string& data) {
  const Dataset dataset(DatasetOptions{.path = data});
  const TrainerOptions options = RunOptions("");
  MetaBatchLoader loader(dataset, kTrainPart, options.tasks, options.seed);
  std::map<int64_t, std::set<int64_t>> used;  // [epoch]
  for (int64_t step = 0; step < kSteps; ++step) {
    const MetaBatch& batch = loader.Next();
    for (const Chunk& chunk : batch.chunks) {
      for (const int64_t task : chunk.task_ids) {
        if (!used[batch.epoch].insert(task).second) {
          return fmt::format("task {} twice in epoch {}", task, batch.epoch);
        }
      }
    }
  }
  for (int64_t epoch = 0; epoch + 1 < std::ssize(used); ++epoch) {
    if (std::ssize(used[epoch]) != loader.eligible_task_count()) {
      return fmt::format("epoch {} left tasks out", epoch);
    }
  }
  return "";
}

struct Driver {
  std::string folder, data, golden;
  std::array<int64_t, kPlaceCount> counts = {};   // [place] passes in a run that nobody ended
  std::array<int64_t, kPlaceCount> reached = {};  // [place] starts that ended there
  uint64_t seed = 1;

  // Runs one trial. Returns "" or the error.
  std::string Trial(int64_t trial) {
    RandomStream random(seed, Purpose::kTest, static_cast<uint64_t>(trial));
    const std::string run_dir = fmt::format("{}/run", folder);
    const std::string log_path = folder + "/log";
    std::filesystem::remove_all(run_dir);
    std::filesystem::remove(log_path);
    std::filesystem::create_directories(run_dir);
    size_t place = static_cast<size_t>(trial) % kPlaceCount;
    for (int start = 0; start < 4; ++start) {
      const bool to_the_end = start == 3 || (start > 0 && random.NextBelow(2) == 0);
      if (start > 0) place = static_cast<size_t>(random.NextBelow(kPlaceCount));
      const auto most = static_cast<uint64_t>(std::max<int64_t>(1, counts[place]));
      Arm(to_the_end ? -1 : static_cast<int64_t>(place),
          1 + static_cast<int64_t>(random.NextBelow(most)), random.NextBelow(2) == 0);
      const int code = RunToTheEnd(data, run_dir, log_path);
      if (code == kCrashed) {
        ++reached[place];
        continue;
      }
      if (code != 0) return fmt::format("a start ended with exit code {}", code);
      break;
    }
    if (ModelHash(run_dir, kSteps) != golden) return "the final model is another one";
    return Disagreement(log_path);
  }
};

int Drive(int64_t trials, uint64_t seed, int64_t only) {
  spdlog::set_level(spdlog::level::err);
  Driver driver;
  driver.seed = seed;
  driver.folder = fmt::format("{}/hearth-crash-{}", std::filesystem::temp_directory_path().string(),
                              ::getpid());
  driver.data = driver.folder + "/data";
  std::filesystem::create_directories(driver.folder + "/golden");
  SimulateManyItems(driver.data);
  Arm(-1, 0, false);
  HEARTH_CHECK(RunToTheEnd(driver.data, driver.folder + "/golden", driver.folder + "/log") == 0);
  const std::vector<CheckpointInfo> saved = ListCheckpoints(driver.folder + "/golden");
  HEARTH_CHECK(
      std::ranges::any_of(saved, [](const auto& info) { return info.base_step.has_value(); }),
      "no delta checkpoints: nothing shows that they survive");
  driver.golden = ModelHash(driver.folder + "/golden", kSteps);
  for (size_t i = 0; i < kPlaceCount; ++i) driver.counts[i] = shared->passed[i].load();
  int failures = 0;
  const auto expect = [&](const std::string& wrong, const std::string& of) {
    if (wrong.empty()) return;
    ++failures;
    fmt::print("FAILED: {}: {}\n", of, wrong);
  };
  expect(Disagreement(driver.folder + "/log"), "the run nobody ended");
  expect(UnevenTasks(driver.data), "the sampler");
  const int64_t first = only >= 0 ? only : 0, end = only >= 0 ? only + 1 : trials;
  for (int64_t trial = first; trial < end; ++trial) {
    expect(driver.Trial(trial),
           fmt::format("again with: crash_driver --seed {} --only {}", seed, trial));
  }
  int64_t crashes = 0;
  for (size_t place = 0; place < kPlaceCount; ++place) {
    crashes += driver.reached[place];
    fmt::print("{:6} crashes at {} (passed {} times in a run)\n", driver.reached[place],
               NameOfPlace(place), driver.counts[place]);
    if (only < 0 && trials >= static_cast<int64_t>(2 * kPlaceCount) && driver.reached[place] == 0) {
      expect("never reached", NameOfPlace(place));
    }
  }
  std::filesystem::remove_all(driver.folder);
  fmt::print("{} trials, {} crashes, {} failures\n", end - first, crashes, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  CLI::App app{"ends training processes at exact places and goes on with what they left"};
  int64_t trials = 60, only = -1;
  uint64_t seed = 1;
  app.add_option("--trials", trials);
  app.add_option("--seed", seed);
  app.add_option("--only", only, "one trial");
  CLI11_PARSE(app, argc, argv);
  void* memory = ::mmap(nullptr, sizeof(hearth::Shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  hearth::shared = new (memory) hearth::Shared();
  return hearth::Drive(trials, seed, only);
}
