#include "launch/slurm/batch_script.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/shell_text.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr std::string_view kDirective = "#SBATCH ";
// A line of the shipped scripts. The values follow it.
constexpr std::string_view kValues =
    "# `hearth launch slurm` writes the values of one job below this line.";
constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
// Slurm asks the job to save 300 s before the end, and may ask 60 s too early.
constexpr int64_t kShortestSec = 10 * kMinute;

/// "--qos" of "--qos=long".
std::string_view NameOf(std::string_view option) { return option.substr(0, option.find('=')); }

void RequireOneLine(std::string_view what, const std::string& value) {
  if (value.find_first_of("\r\n") == std::string::npos) return;
  throw UsageError("{}: a line break cannot stand in a batch script: {}", what, ShellWord(value));
}

std::vector<std::string> OptionsOf(const BatchJob& job) {
  std::vector<std::string> options = {fmt::format("--nodes={}", job.nodes),
                                      fmt::format("--ntasks-per-node={}", job.ntasks_per_node),
                                      fmt::format("--cpus-per-task={}", job.cpus_per_task),
                                      "--time=" + job.time, "--chdir=" + job.folder};
  if (job.gpus_per_node > 0)
    options.push_back(fmt::format("--gpus-per-node={}", job.gpus_per_node));
  if (!job.partition.empty()) options.push_back("--partition=" + job.partition);
  if (!job.account.empty()) options.push_back("--account=" + job.account);
  for (const std::string& option : job.more) {
    if (!option.starts_with("--") || option.size() < 3 || option[2] == '=') {
      throw UsageError("--sbatch: '{}' is no long option of sbatch; write --sbatch=--qos=long",
                       option);
    }
    options.push_back(option);
  }
  for (const std::string& option : options) RequireOneLine(NameOf(option), option);
  return options;
}

std::string ValuesOf(const BatchJob& job) {
  std::vector<std::pair<std::string, std::string>> values = {
      {"CONFIG", job.config},
      {"RUN_DIR", job.run_dir},
      {"HEARTH", job.hearth},
      {"SITE_ENV", job.site_env},
      {"MAX_RESTARTS", std::to_string(job.max_restarts)}};
  std::string text;
  for (const auto& [name, value] : values) text += name + "=" + ShellWord(value) + "\n";
  if (!job.words.empty()) text += "set -- " + ShellLine(job.words) + "\n";
  return text;
}

/// Returns the #SBATCH options of a script. An option in `options` replaces the shipped option of
/// the same name; new options come last.
std::vector<std::string> Directives(const std::vector<std::string_view>& shipped,
                                    const std::vector<std::string>& options) {
  std::vector<std::string> merged(shipped.begin(), shipped.end());
  for (const std::string& option : options) {
    const auto namesake = std::find_if(merged.begin(), merged.end(), [&](const std::string& other) {
      return NameOf(other) == NameOf(option);
    });
    if (namesake == merged.end()) {
      merged.push_back(option);
    } else {
      *namesake = option;
    }
  }
  return merged;
}

}  // namespace

int64_t ParseSlurmTime(std::string_view text) {
  const auto bad = [text] {
    return UsageError(
        "--time: '{}' is no time limit; write minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or "
        "D-HH:MM:SS",
        text);
  };
  const size_t dash = text.find('-');
  const bool has_days = dash != std::string_view::npos;
  std::vector<int64_t> parts;
  const auto read = [&](std::string_view part) {
    // A field has only digits, and so few of them that the products below do not overflow.
    if (part.empty() || part.size() > 6 ||
        part.find_first_not_of("0123456789") != std::string_view::npos) {
      throw bad();
    }
    int64_t value = 0;
    HEARTH_CHECK(ParseInt64(part, &value));
    return value;
  };
  int64_t days = 0;
  std::string_view clock = text;
  if (has_days) {
    days = read(text.substr(0, dash));
    clock = text.substr(dash + 1);
  }
  for (const std::string_view part : SplitText(clock, ":")) parts.push_back(read(part));
  if (parts.size() > 3) throw bad();
  const bool has_hours = has_days || parts.size() == 3;
  parts.resize(3, 0);
  if (has_hours) return days * kDay + parts[0] * kHour + parts[1] * kMinute + parts[2];
  return parts[0] * kMinute + parts[1];
}

std::string BatchScript(std::string_view shipped, const BatchJob& job) {
  HEARTH_CHECK(shipped.ends_with('\n'));
  if (ParseSlurmTime(job.time) < kShortestSec) {
    throw UsageError(
        "--time: {} is too short: 5 minutes before its end a job is asked to save; give 10 minutes "
        "or more",
        job.time);
  }
  const std::vector<std::string> options = OptionsOf(job);
  std::vector<std::string_view> shipped_options;
  std::string head, tail;
  bool values_written = false;
  for (const std::string_view line : SplitText(shipped.substr(0, shipped.size() - 1), "\n")) {
    if (line.starts_with(kDirective)) {
      shipped_options.push_back(line.substr(kDirective.size()));
      continue;
    }
    std::string& part = shipped_options.empty() ? head : tail;
    (part += line) += '\n';
    if (line == kValues) {
      tail += ValuesOf(job);
      values_written = true;
    }
  }
  HEARTH_CHECK(values_written && !shipped_options.empty());
  std::string directives;
  for (const std::string& option : Directives(shipped_options, options)) {
    directives += std::string(kDirective) + ShellWord(option) + "\n";
  }
  return head + directives + tail;
}

}  // namespace hearth
