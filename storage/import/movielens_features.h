#pragma once

#include <string>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/entity_builder.h"

namespace hearth {

/// Side features of a MovieLens folder. Names and values are the same for every edition:
///   items: title; year ("1995"), decade ("1990s"), genre (several); if movies_extrainfos.dat is
///          present also rate ("PG-13"), director, writer, actor (several each)
///   users: gender, age (lower bound of the group 1, 18, 25, 35, 45, 50, 56), occupation, zip1 and
///          zip2 (first digits of the zip code)
/// A value that cannot be read (year "unknown", rate "N/A") counts as missing.
class MovieLensFeatures {
 public:
  /// `bad_rows` outlives the object.
  MovieLensFeatures(const std::string& folder, BadRows* bad_rows);

  /// Paths of the side files that are present.
  std::vector<std::string> files() const;
  void Read(EntityBuilder* users, EntityBuilder* items) const;

 private:
  std::string movies_, extra_, users_;  // paths; "": the file is absent
  BadRows* bad_rows_;
};

}  // namespace hearth
