#include "launch/command/command_line.h"

#include <algorithm>
#include <cstdio>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <torch/version.h>

#include "common/build_info.h"
#include "common/error.h"
#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"

namespace hearth {
namespace {

/// The long options of a command and of all commands above it.
std::vector<std::string> OptionNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app->get_subcommands(nullptr))
    names.push_back(command->get_name());
  return names;
}

/// "hearth data convert"
std::string FullName(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  if (parent == nullptr) return app->get_name();
  return FullName(parent) + " " + app->get_name();
}

/// The last command on the line: its help was asked for, or it went wrong.
const CLI::App* ChosenCommand(const CLI::App* app, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::vector<std::string> commands = CommandNames(app);
    if (std::find(commands.begin(), commands.end(), argument) != commands.end()) {
      app = app->get_subcommand(argument);
    }
  }
  return app;
}

/// A message about the first word that names no command or option, with the nearest known name; ""
/// when all words are known. CLI11 itself reports a misspelt name as a missing one.
std::string UnknownWord(const CLI::App* app, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::vector<std::string> commands = CommandNames(app);
    if (argument.starts_with("--") && argument.size() > 2) {
      const std::string name = argument.substr(0, argument.find('='));
      const std::vector<std::string> known = OptionNames(app);
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return fmt::format("unknown option '{}' of '{}'{}", name, FullName(app),
                           DidYouMean(name, known));
      }
    } else if (!argument.starts_with('-') && !commands.empty()) {
      if (std::find(commands.begin(), commands.end(), argument) == commands.end()) {
        return fmt::format("unknown command '{} {}'{}", FullName(app), argument,
                           DidYouMean(argument, commands));
      }
      app = app->get_subcommand(argument);
    }
  }
  return {};
}

std::string Explain(const CLI::App* app, const std::vector<std::string>& arguments,
                    const CLI::ParseError& error) {
  const bool about_names = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                           dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const CLI::App* chosen = ChosenCommand(app, arguments);
  if (about_names) {
    const std::string unknown = UnknownWord(app, arguments);
    if (!unknown.empty()) return unknown;
    const std::vector<std::string> commands = CommandNames(chosen);
    if (!commands.empty()) {
      return fmt::format("'{}' needs a command: {}", FullName(chosen), Join(commands, ", "));
    }
  }
  return fmt::format("{}: {}", FullName(chosen), error.what());
}

CLI::App* AddGroup(CLI::App* app, const char* name, const char* help) {
  CLI::App* group = app->add_subcommand(name, help);
  group->require_subcommand(1);
  return group;
}

void AddGlobalOptions(CLI::App* app, GlobalOptions* global) {
  AddName(app, "--log-level", &global->log_level,
          {"trace", "debug", "info", "warn", "error", "off"},
          "lowest level that is logged to stderr");
  app->add_flag("-q,--quiet", global->quiet, "log warnings and errors only");
  AddName(app, "--color", &global->color, {"auto", "never"},
          "auto: when stderr is a terminal and NO_COLOR is not set");
  app->set_version_flag("--version", VersionText, "print version and libraries");
  app->set_help_flag("-h,--help", "print this help");
}

}  // namespace

std::string VersionText() {
  const BuildInfo& build = ThisBuild();
  return fmt::format(
      "hearth {} (commit {})\n  {} build, {} flavour, {}\n  LibTorch {}, {}, HDF5 {}",
      build.version, build.commit, build.build_type, build.flavour, build.compiler, TORCH_VERSION,
      build.mpi, build.hdf5);
}

std::unique_ptr<CLI::App> MakeCommandLine(Invocation* invocation) {
  auto app = std::make_unique<CLI::App>("Distributed meta-training of recommenders.", "hearth");
  app->fallthrough();  // global options may stand behind the command
  app->require_subcommand(1);
  AddGlobalOptions(app.get(), &invocation->global);

  CLI::App* data = AddGroup(app.get(), "data", "make, check and show data sets");
  AddDataConvert(data, invocation);
  AddDataSynth(data, invocation);
  AddDataSplit(data, invocation);
  AddDataDescribe(data, invocation);
  AddDataValidate(data, invocation);
  AddDataHead(data, invocation);
  CLI::App* config = AddGroup(app.get(), "config", "show and check configurations");
  AddConfigShow(config, invocation);
  AddConfigKeys(config, invocation);
  AddConfigCheck(config, invocation);
  AddTrain(app.get(), invocation);
  AddEval(app.get(), invocation);
  AddAdapt(app.get(), invocation);
  AddRecommend(app.get(), invocation);
  AddExport(app.get(), invocation);
  CLI::App* ckpt = AddGroup(app.get(), "ckpt", "list and check checkpoints");
  AddCkptList(ckpt, invocation);
  AddCkptVerify(ckpt, invocation);
  AddCkptHash(ckpt, invocation);
  CLI::App* bench = AddGroup(app.get(), "bench", "check and time a configuration on this machine");
  AddBenchGradcheck(bench, invocation);
  AddBenchStep(bench, invocation);
  AddBenchIo(bench, invocation);
  AddBenchComm(bench, invocation);
  CLI::App* launch = AddGroup(app.get(), "launch", "start training on several processes or hosts");
  AddLaunchLocal(launch, invocation);
  AddLaunchSlurm(launch, invocation);
  AddDoctor(app.get(), invocation);
  return app;
}

void ParseCommandLine(const std::vector<std::string>& arguments, Invocation* invocation) {
  const std::unique_ptr<CLI::App> app = MakeCommandLine(invocation);
  const auto print = [invocation](std::string text) {
    invocation->on_all_ranks = true;  // harmless, and all ranks got the request
    invocation->command = [text = std::move(text)](Job& job) {
      if (job.is_root()) std::fputs(text.c_str(), stdout);
      return 0;
    };
  };
  try {
    // CLI11 takes the words from last to first.
    app->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    const CLI::App* chosen = ChosenCommand(app.get(), arguments);
    print(chosen->help(chosen == app.get() ? "" : FullName(chosen->get_parent())));
  } catch (const CLI::CallForVersion&) {
    print(VersionText() + "\n");
  } catch (const CLI::ParseError& error) {
    throw UsageError("{}\n  run '{} --help'", Explain(app.get(), arguments, error),
                     FullName(ChosenCommand(app.get(), arguments)));
  }
}

}  // namespace hearth
