#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/vocabulary.h"
#include "storage/shard/feature_table.h"

namespace hearth {

/// How the rows of a side file and the entities with events fit together.
struct SideFileMatch {
  std::string path;
  int64_t rows = 0;               ///< without rejected ones
  int64_t matched = 0;            ///< rows of an entity with events
  std::string unmatched_id = {};  ///< of the first other row; "": none
  int64_t repeated = 0;           ///< rows that equal an earlier row of the same entity with events
  std::vector<std::string> unused = {};  ///< columns that make no feature
};

/// A column of numbers with more values than this holds amounts, not categories.
inline constexpr int64_t kMostNumberCategories = 32;

/// Collects titles and side features of users or items from side files. The ids of entities with
/// events are known in advance; the rows of side files come in any order. An id without an event is
/// passed over or, if `add_unseen`, added behind the known ids.
class EntityBuilder {
 public:
  /// `ids` are the entities with events. `bad_rows` outlives the builder.
  EntityBuilder(const std::vector<std::string>& ids, bool add_unseen, BadRows* bad_rows);

  /// Starts a side file; "" if the entities come from elsewhere. Each file may define an id once.
  void BeginFile(const std::string& path);
  /// Ends a side file. Throws DataError when it had no row, or when none of its rows described an
  /// entity with events; the message shows an id of each side.
  void EndFile() const;
  /// The side files so far.
  const std::vector<SideFileMatch>& files() const { return files_; }

  /// Index of the entity that a row defines. -1: the row is passed over (no event, or an equal row
  /// before it) or rejected (the id is empty or defined twice in this file). `row_hash` tells equal
  /// rows; 0: no rows are equal.
  int64_t Define(std::string_view id, std::string_view column, const RowPlace& place,
                 uint64_t row_hash = 0);

  /// The number of the feature `name`, for the functions below. The first call adds the feature.
  /// `is_guessed` lets the values of a kCategories feature tell its kind: kNumber if all are
  /// numbers, one for each entity, and they are fractions or have more than kMostNumberCategories
  /// values; kCategory if no entity holds more than one category. Numbers with leading zeros are
  /// codes, not amounts.
  size_t Feature(std::string_view name, FeatureKind kind, bool is_guessed = false);
  /// Notes that a column is left out on request.
  void Skip(const std::string& name) { skipped_.push_back(name); }
  /// Notes that a column of the current side file makes no feature.
  void NoteUnused(const std::string& name);
  /// The names of all features and of skipped columns.
  std::vector<std::string> FeatureNames() const;

  void SetTitle(int64_t entity, std::string_view title);
  /// kCategory: replaces the category. kCategories: adds a category; a repeated one counts once. An
  /// empty text means a missing category and has no effect.
  void AddCategory(size_t feature, int64_t entity, std::string_view category);
  /// For kNumber.
  void SetNumber(size_t feature, int64_t entity, float number);
  /// For kVector. All vectors of a feature have the width of its first vector; for another width
  /// the row is rejected and the result is false.
  bool SetVector(size_t feature, int64_t entity, const std::vector<float>& vector,
                 const RowPlace& place);

  /// The finished table, without features that hold nothing. Call this once, as the last call.
  EntityTable Build();

 private:
  struct Column {
    std::string name;
    FeatureKind kind;
    bool is_guessed;
    Vocabulary vocabulary;                             // [0] is ""
    std::vector<std::pair<int64_t, int32_t>> entries;  // (entity, category), in order of arrival
    std::vector<std::pair<int64_t, float>> numbers;    // (entity, number), kNumber
    std::vector<std::pair<int64_t, std::vector<float>>> vectors;  // (entity, vector), kVector
  };

  FeatureColumn Finish(Column* column) const;
  static bool HoldsAmounts(const Column& column);
  void FinishCategories(Column* column, FeatureColumn* feature) const;

  bool add_unseen_;
  BadRows* bad_rows_;
  Vocabulary ids_;
  int64_t known_count_;  // entities with events
  std::vector<SideFileMatch> files_;
  std::vector<std::string> skipped_;
  std::vector<std::optional<uint64_t>> row_hashes_;  // [entity] of its row in this side file
  std::vector<std::string> titles_;
  std::vector<Column> columns_;
};

}  // namespace hearth
