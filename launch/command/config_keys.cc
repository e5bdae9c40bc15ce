#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/config/keys.h"
#include "launch/config/show.h"

namespace hearth {

void AddConfigKeys(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string section;
    bool markdown = false, json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent->add_subcommand("keys", "list all keys: type, default, legal values, meaning");
  app->add_option("section", options->section, "only this section: " + Join(SectionNames(), ", "))
      ->type_name("SECTION");
  CLI::Option* markdown = app->add_flag("--markdown", options->markdown, "as docs/config.md");
  app->add_flag("--json", options->json, "as JSON")->excludes(markdown);
  OnChosen(app, invocation, [options](Job&) {
    const std::string& section = options->section;
    if (!section.empty() && SectionHelp(section).empty()) {
      throw UsageError("unknown section '{}'{}; the sections are {}", section,
                       DidYouMean(section, SectionNames()), Join(SectionNames(), ", "));
    }
    std::string text;
    if (options->markdown) {
      text = KeysAsMarkdown();
    } else if (options->json) {
      text = KeysAsJson(section);
    } else {
      text = KeysAsText(section);
    }
    std::fputs(text.c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth
