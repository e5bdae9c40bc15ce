#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace hearth {

/// Runs `action`, which must throw `ErrorClass`; its message.
template <typename ErrorClass>
std::string MessageOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const ErrorClass& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was thrown: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace hearth
