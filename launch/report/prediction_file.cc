#include "launch/report/prediction_file.h"

#include <vector>

#include <fmt/format.h>

#include "common/text.h"
#include "launch/report/printable.h"

namespace hearth {
namespace {

using Episode = PredictionLog::Episode;

// The lines of an episode begin with the same three cells.
struct EpisodeText {
  std::string begin;
  const Episode& episode;
  const std::vector<std::string>& methods;
  const EntityTable& items;

  std::string ItemCell(int64_t item) const { return Printable(items.ids[item]); }

  std::string SupportLine(size_t row) const {
    return fmt::format("{}\tsupport\t{}\t{}{}\n", begin, ItemCell(episode.support_items[row]),
                       episode.support_labels[row], std::string(methods.size(), '\t'));
  }
  std::string ScoreLine(int64_t row) const {
    std::string_view role = "query";
    if (row >= episode.query_count) role = "candidate";
    std::string line = fmt::format("{}\t{}\t{}\t{}", begin, role, ItemCell(episode.items[row]),
                                   episode.labels[row]);
    for (const std::string& method : methods) {
      line += fmt::format("\t{}", episode.scores.at(method)[row]);
    }
    return line + "\n";
  }
  std::string LossLine() const {
    std::string line = begin + "\tloss\t\t";
    for (const std::string& method : methods) {
      line += "\t";
      const auto loss = episode.losses.find(method);
      if (loss != episode.losses.end()) line += fmt::format("{}", loss->second);
    }
    return line + "\n";
  }
};

std::string TextOf(const EpisodeText& lines) {
  std::string text;
  for (size_t row = 0; row < lines.episode.support_items.size(); ++row) {
    text += lines.SupportLine(row);
  }
  for (int64_t row = 0; row < std::ssize(lines.episode.items); ++row) text += lines.ScoreLine(row);
  return text + lines.LossLine();
}

}  // namespace

PredictionFile::PredictionFile(const std::string& path) : file_(path, kSharedFile) {}

void PredictionFile::Write(Scenario scenario, const PredictionLog& log, const Dataset& dataset) {
  if (log.episodes().empty()) return;
  if (!has_header_) {
    file_.descriptor().Write("scenario\tdraw\ttask\trole\titem\tlabel\t" +
                             Join(log.methods(), "\t") + "\n");
  }
  has_header_ = true;
  for (const auto& [place, episode] : log.episodes()) {
    const std::string task = Printable(dataset.task_entities().ids[episode.task_id]);
    file_.descriptor().Write(
        TextOf({.begin = fmt::format("{}\t{}\t{}", NameOf(scenario), episode.draw, task),
                .episode = episode,
                .methods = log.methods(),
                .items = dataset.event_entities()}));
  }
}

void PredictionFile::Commit() { file_.Commit(); }

}  // namespace hearth
