// hearth-parquet FILE...: the program that `hearth data convert` starts to parse Parquet files. It
// gives up all rights that it does not need before it opens the first one, and answers on its
// standard output, a socket (storage/import/parquet_stream.h).

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "columnar/column_encoder.h"
#include "columnar/parquet_file.h"
#include "common/error.h"
#include "storage/file/sandbox_rules.h"
#include "storage/import/parquet_stream.h"

namespace hearth {
namespace {

constexpr int64_t kFirstRows = 100;

void Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ::_exit(1);  // nobody listens
    bytes.remove_prefix(count);
  }
}

void Send(ParquetStream::Message message, std::string_view bytes) {
  if (bytes.size() > ParquetStream::kMaxBytes) {
    throw DataError("{} rows hold more than {} MiB", ParquetStream::kMaxRows,
                    ParquetStream::kMaxBytes >> 20);
  }
  const ParquetStream::Head head{message, static_cast<uint32_t>(bytes.size())};
  Write({reinterpret_cast<const char*>(&head), sizeof(head)});
  Write(bytes);
}

std::string BytesOf(uint32_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

// A list of numbers is a vector if the first rows have lists of one length > 1.
std::string TypeOf(const ParquetColumn& column, const arrow::Array& array, int64_t rows) {
  if (column.form != FieldForm::kList) return "";
  if (!IsNumberType(*column.type->field(0)->type())) return "token_seq";
  int64_t width = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t size = ListSize(array, row);
    if (size == 0) continue;
    if (size == 1 || (width != 0 && size != width)) return "token_seq";
    width = size;
  }
  return "float_seq";
}

nlohmann::json Described(ParquetFile* file) {
  std::vector<size_t> readable;
  for (size_t i = 0; i < file->columns().size(); ++i) {
    if (file->columns()[i].form != FieldForm::kObject) readable.push_back(i);
  }
  file->Begin(readable);
  const auto arrays = file->Next();
  nlohmann::json columns = nlohmann::json::array();
  size_t next = 0;
  for (const ParquetColumn& column : file->columns()) {
    nlohmann::json described = {{"name", column.name},
                                {"form", static_cast<int>(column.form)},
                                {"type", ""},
                                {"time", IsTimeType(*column.type)},
                                {"first", nlohmann::json::array()}};
    const bool is_read = column.form != FieldForm::kObject && !arrays.empty();
    const arrow::Array* const array = is_read ? arrays[next++].get() : nullptr;
    const int64_t rows = is_read ? std::min(kFirstRows, array->length()) : 0;
    if (is_read) described["type"] = TypeOf(column, *array, rows);
    std::string buffer;
    for (int64_t row = 0; row < rows && column.form == FieldForm::kValue; ++row) {
      const std::string_view text = CellText(*array, row, &buffer);
      if (!text.empty()) described["first"].push_back(text.substr(0, 1000));
    }
    columns.push_back(std::move(described));
  }
  return {{"columns", std::move(columns)}};
}

std::vector<uint8_t> ReadUses(size_t count) {
  std::vector<uint8_t> uses(count);
  for (size_t have = 0; have < count;) {
    const ssize_t got = ::read(STDIN_FILENO, uses.data() + have, count - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(0);  // nobody wants the rows
    have += got;
  }
  return uses;
}

bool IsSame(const ParquetColumn& a, const ParquetColumn& b) {
  return a.name == b.name && a.type->Equals(*b.type);
}

void RequireSameColumns(const std::string& path, const ParquetFile& file,
                        const std::string& first_path, const std::vector<ParquetColumn>& first) {
  if (std::equal(first.begin(), first.end(), file.columns().begin(), file.columns().end(),
                 IsSame)) {
    return;
  }
  for (size_t i = 0; i < std::max(first.size(), file.columns().size()); ++i) {
    const auto text = [i](const std::vector<ParquetColumn>& columns) {
      if (i >= columns.size()) return std::string("nothing");
      return columns[i].name + " (" + columns[i].type->ToString() + ")";
    };
    if (i < first.size() && i < file.columns().size() && IsSame(first[i], file.columns()[i])) {
      continue;
    }
    throw DataError("{}: column {} is {}; in {} it is {}; the parts of a folder need equal columns",
                    path, i + 1, text(file.columns()), first_path, text(first));
  }
}

class RowSender {
 public:
  explicit RowSender(const std::vector<uint8_t>& uses) {
    for (size_t i = 0; i < uses.size(); ++i) {
      if (uses[i] == ParquetStream::kUnused) continue;
      selected_.push_back(i);
      encoders_.emplace_back(uses[i] == ParquetStream::kCodes);
    }
  }

  void SendRows(ParquetFile* file) {
    file->Begin(selected_);
    while (true) {
      const auto arrays = file->Next();
      if (arrays.empty()) return;
      std::string rows = BytesOf(static_cast<uint32_t>(file->row_count()));
      for (size_t i = 0; i < arrays.size(); ++i) {
        encoders_[i].Append(*arrays[i], &rows);
        SendNewTexts(i);
      }
      Send(ParquetStream::kRows, rows);
    }
  }

 private:
  void SendNewTexts(size_t i) {
    const Texts texts = encoders_[i].TakeNewTexts();
    if (texts.size() == 0) return;
    std::string message = BytesOf(static_cast<uint32_t>(selected_[i]));
    texts.AppendTo(&message);
    Send(ParquetStream::kDictionary, message);
  }

  std::vector<size_t> selected_;
  std::vector<ColumnEncoder> encoders_;
};

// Calls the function; a fault that the library throws becomes an error with the name of the file.
template <typename Function>
void Naming(const std::string& path, Function function) {
  try {
    function();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw DataError("{} is damaged or not supported: {}", path, error.what());
  }
}

void Serve(const std::vector<std::string>& paths) {
  std::unique_ptr<ParquetFile> file;
  std::vector<ParquetColumn> columns;
  std::string header;
  for (const std::string& path : paths) {
    Naming(path, [&] {
      file = std::make_unique<ParquetFile>(path);
      if (columns.empty()) columns = file->columns();
      RequireSameColumns(path, *file, paths[0], columns);
      if (path != paths[0]) return;
      using Json = nlohmann::json;
      header = Described(file.get()).dump(-1, ' ', false, Json::error_handler_t::replace);
    });
  }
  Send(ParquetStream::kHeader, header);
  RowSender sender(ReadUses(columns.size()));
  for (size_t i = 0; i < paths.size(); ++i) {
    Naming(paths[i], [&] {
      file = std::make_unique<ParquetFile>(paths[i]);
      RequireSameColumns(paths[i], *file, paths[0], columns);
      Send(ParquetStream::kFile, BytesOf(static_cast<uint32_t>(i)));
      sender.SendRows(file.get());
    });
  }
  Send(ParquetStream::kEnd, "");
}

void SendFailure(uint8_t code, const std::string& message) {
  Send(ParquetStream::kFailure, std::string(1, static_cast<char>(code)) + message);
}

// A second for each 100 kB of input, and ten minutes.
int64_t ProcessorSeconds(const std::vector<std::string>& paths) {
  int64_t bytes = 0;
  for (const std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) bytes += status.st_size;
  }
  return 600 + bytes / 100'000;
}

int Run(const std::vector<std::string>& paths) {
  try {
    EnterSandbox(ParquetStream::kMemoryBytes, ProcessorSeconds(paths));
    Serve(paths);
  } catch (const Error& error) {
    SendFailure(static_cast<uint8_t>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    SendFailure(ParquetStream::kOutOfMemory, "");
  } catch (const std::exception& error) {
    SendFailure(static_cast<uint8_t>(ExitCode::kData), error.what());
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int count, char** arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the program ends with the one that started it
  struct stat status {};
  if (count < 2 || ::fstat(STDOUT_FILENO, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    std::fputs("hearth-parquet is started by `hearth data convert`\n", stderr);
    return 64;
  }
  ::setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 1);  // others reserve memory beyond the limit
  return hearth::Run(std::vector<std::string>(arguments + 1, arguments + count));
}
