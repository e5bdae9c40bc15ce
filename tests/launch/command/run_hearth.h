#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/command/run_main.h"

namespace hearth {

/// How a run of the program ended. A signal counts as 128 + its number.
struct Outcome {
  int code = -1;
  std::string out, err;
};

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Runs the program with these arguments in a process of its own, which is forked but not loaded
/// anew: starting LibTorch once per case would take longer than all cases.
inline Outcome RunHearth(const std::vector<std::string>& arguments) {
  static int count = 0;
  const std::string base = ::testing::TempDir() + "run_hearth_" + std::to_string(getpid()) + "_" +
                           std::to_string(++count);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int out = open((base + ".out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err = open((base + ".err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    std::vector<std::string> words = {"hearth"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    const int count_of_words = static_cast<int>(argv.size());
    argv.push_back(nullptr);
    const int code = RunMain(count_of_words, argv.data());
    std::fflush(nullptr);
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                  ReadWhole(base + ".out"), ReadWhole(base + ".err")};
  std::filesystem::remove(base + ".out");
  std::filesystem::remove(base + ".err");
  return outcome;
}

}  // namespace hearth
