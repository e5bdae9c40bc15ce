#pragma once

#include <cstdint>

namespace hearth {

/// The words between `hearth data convert` and `hearth-parquet`, the program that parses Parquet
/// files in a sandbox. Both run on one machine, so numbers have its byte order. The program writes
///
///   kHeader      JSON: {"columns": [{"name", "form" (FieldForm), "type" (of ColumnHeader), "time"
///                (true: seconds since 1970), "first" (texts of the first rows)}]}
///   then waits for one ColumnUse byte per column, and writes
///   kFile        uint32: the number of the file that the next rows come from
///   kDictionary  uint32 column, then Texts: they get the next codes of the column
///   kRows        uint32 row count, then each column in use, in order: kText Texts; kCodes uint32
///                [row] codes; a list uint32 [row + 1] positions of its first value, then Texts
///   kEnd         nothing
///   kFailure     one byte (ExitCode, or kOutOfMemory) and a message; nothing comes behind it
///
/// Texts are uint32 count, uint32 [count + 1] offsets, bytes. A missing value is "". Code 0 is "".
struct ParquetStream {
  enum Message : uint32_t { kHeader = 1, kFile, kDictionary, kRows, kEnd, kFailure };
  enum ColumnUse : uint8_t { kUnused, kText, kCodes };

  /// Stands before each message.
  struct Head {
    uint32_t message = 0;
    uint32_t byte_count = 0;  ///< of the message behind the head
  };

  static constexpr uint8_t kOutOfMemory = 255;
  static constexpr uint32_t kMaxRows = 1U << 16;     ///< of one kRows
  static constexpr uint32_t kMaxBytes = 256U << 20;  ///< of one message
  static constexpr uint32_t kMaxColumns = 10'000;
  static constexpr int64_t kMemoryBytes = int64_t{2} << 30;  ///< of the program, beyond its start
};

}  // namespace hearth
