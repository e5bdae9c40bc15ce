#include "launch/report/exit_file.h"

#include <cerrno>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "storage/file/fault_report.h"

namespace hearth {
namespace {

std::string ExitFilePath(const std::string& run_folder) { return run_folder + "/exit.json"; }

std::string ExitText(const ExitRecord& record) {
  const nlohmann::ordered_json json = {{"code", record.code},
                                       {"rank", record.rank},
                                       {"host", record.host},
                                       {"message", record.message}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

bool WriteExitFile(const std::string& run_folder, const ExitRecord& record) {
  const int file =
      open(ExitFilePath(run_folder).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno != EEXIST;
  const std::string text = ExitText(record);
  // The process already ends with an error. A second error could be reported to nobody.
  [[maybe_unused]] const ssize_t written = write(file, text.data(), text.size());
  fsync(file);
  close(file);
  return true;
}

void PrepareExitFile(const std::string& run_folder, const ExitRecord& record) {
  const std::string text = ExitText({record.code, record.rank, record.host, ""});
  const size_t message = text.rfind('"');  // the closing quote: the message is the last field
  SetFaultReport({"[rank " + std::to_string(record.rank) + " on " + record.host + "] ",
                  ExitFilePath(run_folder), text.substr(0, message), text.substr(message)});
}

void RemoveExitFile(const std::string& run_folder) { unlink(ExitFilePath(run_folder).c_str()); }

}  // namespace hearth
