#include "storage/run/start_record.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/text.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/file_system.h"
#include "storage/file/json_fields.h"

namespace hearth {
namespace {

constexpr size_t kRecordBytes = 1024;
constexpr int64_t kMaxInt = INT64_MAX;

using State = StartRecord::State;
constexpr std::array<std::pair<State, const char*>, 3> kStateNames = {
    {{State::kRunning, "running"}, {State::kDone, "done"}, {State::kFailed, "failed"}}};

std::string NameOf(State state) {
  return std::ranges::find(kStateNames, state, &std::pair<State, const char*>::first)->second;
}

State ParseState(const std::string& name) {
  for (const auto& [state, known] : kStateNames) {
    if (name == known) return state;
  }
  throw DataError("state '{}'", name);
}

std::string StartsFolder(const std::string& run_dir) { return run_dir + "/starts"; }

}  // namespace

std::string SerializeStart(const StartRecord& record) {
  const nlohmann::ordered_json json = {{"start", record.number},
                                       {"host", record.process.host},
                                       {"boot_id", record.process.boot_id},
                                       {"pid_namespace", record.process.pid_namespace},
                                       {"pid", record.process.pid},
                                       {"start_ticks", record.process.start_ticks},
                                       {"job_id", record.job_id},
                                       {"since", record.since},
                                       {"beat", record.beat},
                                       {"began_after_step", record.began_after_step},
                                       {"state", NameOf(record.state)}};
  std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  HEARTH_CHECK(text.size() < kRecordBytes, "{} bytes", text.size());
  text.resize(kRecordBytes - 1, ' ');
  return text + "\n";
}

std::optional<StartRecord> ParseStart(std::string_view text) {
  try {
    const nlohmann::json json = ParseJson(text, /*max_depth=*/2, "start record");
    JsonFields fields(json, "start record");
    StartRecord record;
    record.number = fields.Int("start", 1, kMaxInt);
    record.process.host = fields.Text("host");
    record.process.boot_id = fields.Text("boot_id");
    record.process.pid_namespace = fields.Text("pid_namespace");
    record.process.pid = fields.Int("pid", 1, INT32_MAX);
    record.process.start_ticks = fields.Int("start_ticks", 0, kMaxInt);
    record.job_id = fields.Text("job_id");
    record.since = fields.Text("since");
    record.beat = fields.Int("beat", 0, kMaxInt);
    record.began_after_step = fields.Int("began_after_step", -1, kMaxInt);
    record.state = ParseState(fields.Text("state"));
    fields.Finish();
    return record;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

std::string StartPath(const std::string& run_dir, int64_t number) {
  return fmt::format("{}/{:06}.json", StartsFolder(run_dir), number);
}

int64_t NewestStart(const std::string& run_dir) {
  const std::string folder = StartsFolder(run_dir);
  std::vector<std::string> names;
  const int answer = FileSystem::Current().List(folder, &names);
  if (answer == -ENOENT) return 0;
  if (answer < 0) ThrowFileError("list", folder, -answer);
  int64_t newest = 0;
  for (const std::string& name : names) {
    int64_t number = 0;
    const std::string digits = name.substr(0, name.rfind('.'));
    if (ParseInt64(digits, &number) && StartPath(run_dir, number) == folder + "/" + name) {
      newest = std::max(newest, number);
    }
  }
  return newest;
}

std::vector<StartRecord> ReadStarts(const std::string& run_dir) {
  std::vector<StartRecord> starts;
  const int64_t newest = NewestStart(run_dir);
  for (int64_t number = 1; number <= newest; ++number) {
    try {
      const auto record = ParseStart(ReadWholeFile(StartPath(run_dir, number), kRecordBytes));
      if (record) starts.push_back(*record);
    } catch (const Error&) {
      continue;  // an unreadable record counts as none
    }
  }
  return starts;
}

int64_t FruitlessStarts(const std::vector<StartRecord>& starts, int64_t newest_step) {
  int64_t count = 0;
  for (auto start = starts.rbegin(); start != starts.rend(); ++start) {
    if (start->began_after_step < 0) continue;
    if (start->began_after_step != newest_step || start->state == State::kDone) break;
    ++count;
  }
  return count;
}

}  // namespace hearth
