#include "storage/file/fault_report.h"

#include <atomic>
#include <forward_list>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace hearth {
namespace {

std::atomic<const FaultReport*> current{nullptr};

void WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(count);
  }
}

/// Writes the text as the inside of a JSON string. Bytes that are no UTF-8 pass unchanged.
void WriteEscaped(int file, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char& letter : text) {
    const unsigned char byte = letter;
    if (byte < 0x20) {
      const char escaped[] = {'\\', 'u', '0', '0', kHex[byte >> 4U], kHex[byte & 15U]};
      WriteAll(file, {escaped, sizeof(escaped)});
      continue;
    }
    if (letter == '"' || letter == '\\') WriteAll(file, "\\");
    WriteAll(file, {&letter, 1});
  }
}

}  // namespace

void SetFaultReport(FaultReport report) {
  // Reports are never freed: a handler may be reading one at any moment.
  static auto* const reports = new std::forward_list<FaultReport>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  reports->push_front(std::move(report));
  current.store(&reports->front());
}

void ClearFaultReport() { current.store(nullptr); }

void ReportFault(std::initializer_list<std::string_view> message) {
  const FaultReport* const report = current.load();
  if (report != nullptr) WriteAll(STDERR_FILENO, report->prefix);
  for (const std::string_view piece : message) WriteAll(STDERR_FILENO, piece);
  WriteAll(STDERR_FILENO, "\n");
  if (report == nullptr) return;
  const int file =
      ::open(report->path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return;
  WriteAll(file, report->before);
  for (const std::string_view piece : message) WriteEscaped(file, piece);
  WriteAll(file, report->after);
  ::fsync(file);
  ::close(file);
}

}  // namespace hearth
