#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/convert.h"
#include "storage/import/event_source.h"

namespace hearth {

/// The importer of options.format for options.input. `bad_rows` outlives the importer, here and
/// below. Throws UsageError on an unknown format. Throws DataError when the input lacks a file that
/// the format needs; the message names the expected files.
std::unique_ptr<EventSource> MakeEventSource(const ConvertOptions& options, BadRows* bad_rows);

/// A folder of any MovieLens edition. The files present tell the edition: u.data (100K),
/// ratings.dat or ratings_no_timestamp.dat (1M, 10M), ratings.csv (latest, 20M, 25M, 32M),
/// *.inter (RecBole). MovieLensFeatures reads the side features of every edition under the same
/// names, so one configuration fits all editions.
std::unique_ptr<EventSource> MakeMovieLensSource(const std::string& folder, BadRows* bad_rows);

/// A table (OpenTable) of the kind `format`: csv, jsonl or parquet. The values of `task_column`
/// become the tasks; "": users or items are the tasks. Side files may be tables of any kind. Throws
/// DataError, with the right format, when the log is another kind of table.
std::unique_ptr<EventSource> MakeTableSource(const std::string& format, const std::string& file,
                                             const ColumnOptions& options,
                                             const std::string& task_column, BadRows* bad_rows);

/// Amazon reviews: JSON lines of 2014 and 2018 (reviewerID, asin, overall, unixReviewTime) or 2023
/// (user_id, parent_asin, rating, timestamp), ratings without a header line (user, item or item,
/// user: the items are ASINs), or CSV with the header of 2023. `path` is the file of reviews, or a
/// folder with exactly one and at most one file of metadata (meta*), as JSON lines too; the option
/// item_features names other metadata. Brand or store, categories and price become features. The
/// average ratings of the metadata do not: they know the reviews of every part.
std::unique_ptr<EventSource> MakeAmazonSource(const std::string& path, const ColumnOptions& options,
                                              const std::string& task_column, BadRows* bad_rows);

/// Criteo's click logs: label, I1 to I13, C1 to C26 between tabs, without a header line, or CSV
/// with these names. Throws UsageError unless the options name a user and an item column: the log
/// has none.
std::unique_ptr<EventSource> MakeCriteoSource(const std::string& file, const ColumnOptions& options,
                                              const std::string& task_column, BadRows* bad_rows);

/// Avazu's click log: users are device_ip, items C14, labels click, times hour, unless the options
/// name other columns. -1 is no id.
std::unique_ptr<EventSource> MakeAvazuSource(const std::string& file, const ColumnOptions& options,
                                             const std::string& task_column, BadRows* bad_rows);

/// RecBole atomic files. NAME.inter has the columns user_id, item_id, optionally rating or label,
/// optionally timestamp, or those of `options`; NAME.user and NAME.item are optional. Header fields
/// are "name:type" with the types token, token_seq, float, float_seq. `path` is the .inter file, or
/// a folder with exactly one such file, or with the parts of a split log: NAME.part1.inter (train),
/// .part2 (validation), .part3 (test), or .train, .valid, .test.
std::unique_ptr<EventSource> MakeRecBoleSource(const std::string& path,
                                               const ColumnOptions& options, BadRows* bad_rows);

/// The MetaHIN / MeLU layout: X.json {user: [item, ...]} and X_y.json {user: [rating, ...]} for X =
/// meta_training (train), warm_up (test/non_cold), user_cold_testing, item_cold_testing and
/// user_and_item_cold_testing. Memory holds one pair of files at a time. `features` is "" or a
/// MovieLens folder with the same ids.
std::unique_ptr<EventSource> MakeMetaHinSource(const std::string& folder,
                                               const std::string& features, BadRows* bad_rows);

/// Ready episodes: training.tsv (train), validation.tsv (validation/user_cold), testing.tsv
/// (test/user_cold) with the header episode, role, user, item, label. The user of an episode is a
/// task; a user has one episode. The data set keeps the roles.
std::unique_ptr<EventSource> MakeEpisodeSource(const std::string& folder, BadRows* bad_rows);

/// Lines `user item item ...` with the items in time order. Every event is positive (label 1); its
/// time is its position 0, 1, ... in the line. FILE_item2attributes.json, {item: [attribute, ...]},
/// beside FILE.txt gives the categories of items. `path` is the file or a folder with exactly one
/// .txt file.
std::unique_ptr<EventSource> MakeSequenceSource(const std::string& path, BadRows* bad_rows);

/// `path` if it is a file, else the only file with this extension in the folder `path`. Throws
/// DataError if `path` does not exist, or if the folder has no such file or several; the message
/// names `format` or lists the files.
std::string FindOnlyFile(const std::string& path, std::string_view extension,
                         std::string_view format);

}  // namespace hearth
