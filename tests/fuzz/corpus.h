#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "storage/file/file_descriptor.h"
#include "tests/tools/paths.h"

namespace hearth::fuzz {

/// Gives every text of tests/fuzz/corpus/NAME to a target: what fuzzers once found stays mended.
inline void Replay(const std::string& name, const std::function<void(std::string_view)>& target) {
  int count = 0;
  const std::string folder = testing::SourcePath("tests/fuzz/corpus/" + name);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path());
    EXPECT_NO_THROW(target(ReadWholeFile(entry.path(), 1 << 20)));
    ++count;
  }
  EXPECT_GT(count, 0) << folder << " is empty";
}

}  // namespace hearth::fuzz
