#include "common/log.h"

#include <memory>
#include <vector>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace hearth {

void SetUpLogging(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.stderr_enabled) {
    const auto mode = options.color ? spdlog::color_mode::always : spdlog::color_mode::never;
    sinks.push_back(std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode));
  }
  if (!options.file.empty()) {
    sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file));
  }
  auto logger = std::make_shared<spdlog::logger>("hearth", sinks.begin(), sinks.end());
  std::string rank;
  if (options.world_size > 1 && options.rank != 0) rank = fmt::format("[rank {}] ", options.rank);
  logger->set_pattern("%H:%M:%S %^%l%$ " + rank + "%v");
  logger->set_level(spdlog::level::from_str(options.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void LogToFiles(const std::string& line) {
  const spdlog::logger& logger = *spdlog::default_logger();
  const spdlog::details::log_msg message(logger.name(), spdlog::level::err, line);
  for (const spdlog::sink_ptr& sink : logger.sinks()) {
    if (dynamic_cast<spdlog::sinks::basic_file_sink_mt*>(sink.get()) == nullptr) continue;
    sink->log(message);
    sink->flush();
  }
}

}  // namespace hearth
