#include "launch/command/options.h"

#include <utility>

#include "common/text.h"

namespace hearth {
namespace {

RawValue Raw(const std::string& text) {
  RawValue raw;
  raw.text = text;
  return raw;
}

/// Runs a reader of values and turns its errors into errors of CLI11, because these name the
/// option.
template <typename Reader>
auto Checked(const std::string& flags, Reader read) {
  try {
    return read();
  } catch (const BadValue& bad) {
    std::string message = bad.message;
    if (!bad.hint.empty()) message += "; " + bad.hint;
    throw CLI::ValidationError(flags, message);
  }
}

}  // namespace

CLI::Option* AddInt(CLI::App* app, const std::string& flags, int64_t* value, const Range& range,
                    const std::string& help) {
  return app
      ->add_option_function<std::string>(
          flags,
          [=](const std::string& text) {
            *value = Checked(flags, [&] { return ReadInt(Raw(text), range); });
          },
          help)
      ->type_name("INT")
      ->default_str(WriteInt(*value));
}

CLI::Option* AddInt(CLI::App* app, const std::string& flags, uint64_t* value,
                    const std::string& help) {
  return app
      ->add_option_function<std::string>(
          flags,
          [=](const std::string& text) {
            const int64_t number = Checked(flags, [&] { return ReadInt(Raw(text), AtLeast(0)); });
            *value = number;
          },
          help)
      ->type_name("INT")
      ->default_str(std::to_string(*value));
}

CLI::Option* AddFloat(CLI::App* app, const std::string& flags, double* value, const Range& range,
                      const std::string& help) {
  return app
      ->add_option_function<std::string>(
          flags,
          [=](const std::string& text) {
            *value = Checked(flags, [&] { return ReadFloat(Raw(text), range); });
          },
          help)
      ->type_name("FLOAT")
      ->default_str(WriteFloat(*value));
}

CLI::Option* AddText(CLI::App* app, const std::string& flags, std::string* value,
                     const std::string& help) {
  return app->add_option(flags, *value, help)->type_name("TEXT")->default_str(*value);
}

CLI::Option* AddName(CLI::App* app, const std::string& flags, std::string* value,
                     const std::vector<std::string>& names, const std::string& help) {
  const std::string legal = Join(names, ", ");
  return app
      ->add_option_function<std::string>(
          flags,
          [=](const std::string& text) {
            *value = names[Checked(flags, [&] { return ReadName(Raw(text), names); })];
          },
          help + " (" + legal + ")")
      ->type_name("NAME")
      ->default_str(*value);
}

}  // namespace hearth
