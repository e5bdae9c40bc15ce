#include "launch/report/metrics_log.h"

#include <cerrno>
#include <cstring>

#include "common/error.h"
#include "storage/file/file_descriptor.h"

namespace hearth {

MetricsLog::MetricsLog(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "ae")) {
  if (file_ == nullptr) ThrowFileError("open", path, errno);
}

void MetricsLog::Write(const nlohmann::ordered_json& object) {
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size();
  if (!written || std::fflush(file_.get()) != 0) {
    throw StorageError("{}: cannot write: {}", path_, std::strerror(errno));
  }
}

}  // namespace hearth
