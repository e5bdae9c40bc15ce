#include "launch/report/exit_file.h"

#include <cerrno>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace hearth {
namespace {

std::string ExitFilePath(const std::string& run_folder) { return run_folder + "/exit.json"; }

}  // namespace

bool WriteExitFile(const std::string& run_folder, const ExitRecord& record) {
  const int file =
      open(ExitFilePath(run_folder).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno != EEXIST;
  const nlohmann::ordered_json json = {{"code", record.code},
                                       {"rank", record.rank},
                                       {"host", record.host},
                                       {"message", record.message}};
  const std::string text =
      json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  // The process is ending with an error already; there is nobody to tell of a second one.
  [[maybe_unused]] const ssize_t written = write(file, text.data(), text.size());
  fsync(file);
  close(file);
  return true;
}

void RemoveExitFile(const std::string& run_folder) { unlink(ExitFilePath(run_folder).c_str()); }

}  // namespace hearth
