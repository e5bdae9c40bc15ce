#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/convert.h"
#include "storage/import/event_source.h"

namespace hearth {

/// The importer of options.format for options.input. `bad_rows` outlives it. Throws UsageError on
/// an unknown format and DataError when the input lacks what the format needs, saying what was
/// looked for.
std::unique_ptr<EventSource> MakeEventSource(const ConvertOptions& options, BadRows* bad_rows);

/// A folder of any MovieLens edition, told apart by the files present: u.data (100K), ratings.dat
/// or ratings_no_timestamp.dat (1M, 10M), ratings.csv (latest, 20M, 25M, 32M), *.inter (RecBole).
/// Features are those of ReadMovieLensFeatures, so one configuration fits every edition.
std::unique_ptr<EventSource> MakeMovieLensSource(const std::string& folder, BadRows* bad_rows);

/// Delimited text with named or numbered columns. `task_column`: "" or the column that forms tasks.
std::unique_ptr<EventSource> MakeCsvSource(const std::string& file, const CsvOptions& options,
                                           const std::string& task_column, BadRows* bad_rows);

/// RecBole atomic files: NAME.inter with columns user_id, item_id, optional rating or label,
/// optional timestamp; optional NAME.user and NAME.item. Header fields are "name:type", type one of
/// token, token_seq, float, float_seq. `path`: the .inter file or a folder with exactly one.
std::unique_ptr<EventSource> MakeRecBoleSource(const std::string& path, BadRows* bad_rows);

/// The MetaHIN / MeLU layout: X.json {user: [item, ...]} and X_y.json {user: [rating, ...]} for X =
/// meta_training (train), warm_up (test/non_cold), user_cold_testing, item_cold_testing and
/// user_and_item_cold_testing. Each pair of files is held in memory. `features`: "" or a MovieLens
/// folder with the same ids.
std::unique_ptr<EventSource> MakeMetaHinSource(const std::string& folder,
                                               const std::string& features, BadRows* bad_rows);

/// Ready episodes: training.tsv (train), validation.tsv (validation/user_cold), testing.tsv
/// (test/user_cold) with the header episode, role, user, item, label. A task is an episode's user,
/// its roles are kept; a user has one episode.
std::unique_ptr<EventSource> MakeEpisodeSource(const std::string& folder, BadRows* bad_rows);

/// Lines `user item item ...` in time order: positive events, times are positions 0, 1, ...
/// FILE_item2attributes.json ({item: [attribute, ...]}) beside FILE.txt gives categories.
/// `path`: the file, or a folder with exactly one .txt.
std::unique_ptr<EventSource> MakeSequenceSource(const std::string& path, BadRows* bad_rows);

/// The files of `folder` (or `path` itself when it is a file) that end in `extension`. Throws
/// DataError unless there is exactly one, listing what was found.
std::string TheOneFile(const std::string& path, std::string_view extension,
                       std::string_view format);

}  // namespace hearth
