#include <cstdio>
#include <memory>

#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"

namespace hearth {

void AddConfigCheck(CLI::App* parent, Invocation* invocation) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* app = parent->add_subcommand(
      "check", "check configuration files (later files win) without reading data");
  app->add_option("files", *files, "configuration files and KEY=VALUE settings")
      ->required()
      ->type_name("FILE");
  OnChosen(app, invocation, [files](Job&) {
    ConfigRequest request;
    for (const std::string& word : *files) {
      const bool is_file = word.find('=') == std::string::npos;
      std::vector<std::string>& words = is_file ? request.files : request.overrides;
      words.push_back(word);
    }
    const LoadedConfig loaded = LoadConfig(request);
    std::printf("%s: ok, %zu keys set\n", Join(*files, ", ").c_str(), loaded.origins.size());
    return 0;
  });
}

}  // namespace hearth
