#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace hearth {

/// Ways to damage one file of a folder, given by its path inside the folder and a position as a
/// share of its size.
using Damage = std::function<void(const std::filesystem::path& folder)>;

inline uintmax_t PositionIn(const std::filesystem::path& file, double share) {
  EXPECT_TRUE(std::filesystem::is_regular_file(file)) << file;
  return static_cast<uintmax_t>(share * static_cast<double>(std::filesystem::file_size(file)));
}

inline Damage CutFile(const std::string& name, double share) {
  return [=](const std::filesystem::path& folder) {
    std::filesystem::resize_file(folder / name, PositionIn(folder / name, share));
  };
}

inline Damage FlipByte(const std::string& name, double share) {
  return [=](const std::filesystem::path& folder) {
    const auto position = static_cast<std::streamoff>(PositionIn(folder / name, share));
    std::fstream file(folder / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(position);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(position);
    file.put(byte);
  };
}

inline Damage ReplaceFile(const std::string& name, const std::string& text) {
  return [=](const std::filesystem::path& folder) { std::ofstream(folder / name) << text; };
}

inline Damage RemoveFile(const std::string& name) {
  return [=](const std::filesystem::path& folder) {
    EXPECT_TRUE(std::filesystem::remove(folder / name)) << name;
  };
}

inline Damage Rename(const std::string& from, const std::string& to) {
  return [=](const std::filesystem::path& folder) {
    std::filesystem::rename(folder / from, folder / to);
  };
}

/// A copy without damage.
inline Damage Keep() {
  return [](const std::filesystem::path&) {};
}

}  // namespace hearth
