#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "storage/import/parquet_stream.h"

namespace hearth {

/// The program hearth-parquet at work on some files. It parses them in a sandbox; what it says is
/// not trusted either. The destructor ends it.
class ParquetProcess {
 public:
  /// Throws DataError, with the remedy, when this hearth was built without the program.
  explicit ParquetProcess(const std::vector<std::string>& files);
  ~ParquetProcess();
  ParquetProcess(const ParquetProcess&) = delete;
  ParquetProcess& operator=(const ParquetProcess&) = delete;

  /// The next message without its head; `body` gets its bytes. Throws the error that the program
  /// reports, and DataError when it dies, is silent for minutes or breaks the protocol.
  ParquetStream::Message Receive(std::string* body);
  void SendUses(const std::vector<uint8_t>& uses);
  /// Throws DataError: the files cannot be read, because ....
  [[noreturn]] void Fail(const std::string& why) const;

 private:
  void ReadExactly(char* bytes, size_t count);

  std::string name_;  // of the files, for messages
  pid_t child_ = -1;
  int socket_ = -1;
};

/// The path of the program; "" if this hearth was built without it.
std::string ParquetProgram();

}  // namespace hearth
