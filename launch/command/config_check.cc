#include <cstdio>
#include <memory>

#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"

namespace hearth {

void AddConfigCheck(CLI::App* parent, Invocation* invocation) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* app = parent->add_subcommand(
      "check", "check files (one after the other, later ones win) without looking at data");
  app->add_option("files", *files, "configuration files and KEY=VALUE settings")
      ->required()
      ->type_name("FILE");
  OnChosen(app, invocation, [files](Job&) {
    ConfigRequest request;
    for (const std::string& word : *files) {
      (word.find('=') == std::string::npos ? request.files : request.overrides).push_back(word);
    }
    const LoadedConfig loaded = LoadConfig(request);
    std::printf("%s: ok, %zu keys set\n", Join(*files, ", ").c_str(), loaded.origins.size());
    return 0;
  });
}

}  // namespace hearth
