#include "storage/import/movielens_features.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/column_header.h"
#include "storage/import/record_reader.h"

namespace hearth {
namespace {

// The genres of fields 5, 6, ... of u.item. The order is that of the edition's file u.genre.
constexpr std::array<std::string_view, 19> kFlagGenres = {
    "unknown",     "Action", "Adventure", "Animation", "Children's", "Comedy",  "Crime",
    "Documentary", "Drama",  "Fantasy",   "Film-Noir", "Horror",     "Musical", "Mystery",
    "Romance",     "Sci-Fi", "Thriller",  "War",       "Western"};
constexpr size_t kFirstFlagField = 5;
constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max() - 1;  // of fields
constexpr std::array<int64_t, 7> kAgeGroups = {1, 18, 25, 35, 45, 50, 56};

RecordFormat FormatOf(std::string_view extension) {
  if (extension == ".csv") return {",", true};
  if (extension == ".dat") return {"::", false};
  if (extension == ".item" || extension == ".user") return {"\t", false};
  HEARTH_CHECK(false, "no MovieLens side file ends in {}", extension);
}

std::string ExtensionOf(const std::string& path) {
  return std::filesystem::path(path).extension().string();
}

bool IsYear(std::string_view text) {
  return text.size() == 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "Toy Story (1995)" gives "1995"; a title without a year at its end gives "".
std::string_view YearOfTitle(std::string_view title) {
  title = Trim(title);
  const size_t open = title.rfind('(');
  if (open == std::string_view::npos || !title.ends_with(')')) return {};
  const std::string_view year = title.substr(open + 1, 4);
  if (!IsYear(year)) return {};
  return year;
}

class ItemWriter {
 public:
  explicit ItemWriter(EntityBuilder* items)
      : items_(items),
        year_(items->Feature("year", FeatureKind::kCategory)),
        decade_(items->Feature("decade", FeatureKind::kCategory)),
        genre_(items->Feature("genre", FeatureKind::kCategories)) {}

  void SetYear(int64_t item, std::string_view year) {
    year = Trim(year);
    if (!IsYear(year)) return;
    items_->AddCategory(year_, item, year);
    items_->AddCategory(decade_, item, fmt::format("{}0s", year.substr(0, 3)));
  }

  void AddGenre(int64_t item, std::string_view genre) {
    if (genre != "(no genres listed)") items_->AddCategory(genre_, item, genre);
  }

 private:
  EntityBuilder* items_;
  size_t year_, decade_, genre_;
};

class UserWriter {
 public:
  explicit UserWriter(EntityBuilder* users)
      : users_(users),
        gender_(users->Feature("gender", FeatureKind::kCategory)),
        age_(users->Feature("age", FeatureKind::kCategory)),
        occupation_(users->Feature("occupation", FeatureKind::kCategory)),
        zip1_(users->Feature("zip1", FeatureKind::kCategory)),
        zip2_(users->Feature("zip2", FeatureKind::kCategory)) {}

  void Set(int64_t user, std::string_view gender, std::string_view age, std::string_view occupation,
           std::string_view zip) {
    users_->AddCategory(gender_, user, gender);
    users_->AddCategory(occupation_, user, occupation);
    zip = Trim(zip);
    users_->AddCategory(zip1_, user, zip.substr(0, 1));
    users_->AddCategory(zip2_, user, zip.substr(0, 2));
    int64_t years = 0;
    if (!ParseInt64(Trim(age), &years)) return;
    const auto above = std::upper_bound(kAgeGroups.begin(), kAgeGroups.end(), years);
    if (above != kAgeGroups.begin()) {
      users_->AddCategory(age_, user, std::to_string(*std::prev(above)));
    }
  }

 private:
  EntityBuilder* users_;
  size_t gender_, age_, occupation_, zip1_, zip2_;
};

/// movies.dat, movies.csv: id, title, genres.
void ReadMovies(const std::string& path, BadRows* bad_rows, EntityBuilder* items) {
  const std::string extension = ExtensionOf(path);
  RecordReader records(path, FormatOf(extension), bad_rows);
  if (extension == ".csv" && !records.Next()) return;
  ItemWriter writer(items);
  while (records.Next()) {
    if (!records.Require(3, kAnyNumber)) continue;
    const auto& fields = records.fields();
    const int64_t item = items->Define(fields[0], "movie id", records.place());
    if (item < 0) continue;
    // The genres are the last field, not the third: a title of movies.dat may hold the separator.
    std::string title(fields[1]);
    for (size_t i = 2; i + 1 < fields.size(); ++i) title += fmt::format("::{}", fields[i]);
    items->SetTitle(item, title);
    writer.SetYear(item, YearOfTitle(title));
    for (const std::string_view genre : SplitText(fields.back(), "|")) {
      writer.AddGenre(item, genre);
    }
  }
}

/// u.item: id | title | release date | video date | URL | 19 genre flags.
void ReadFlaggedMovies(const std::string& path, BadRows* bad_rows, EntityBuilder* items) {
  RecordReader records(path, {"|", false}, bad_rows);
  ItemWriter writer(items);
  while (records.Next()) {
    if (!records.Require(kFirstFlagField + kFlagGenres.size())) continue;
    const auto& fields = records.fields();
    const int64_t item = items->Define(fields[0], "movie id", records.place());
    if (item < 0) continue;
    items->SetTitle(item, fields[1]);
    writer.SetYear(item, YearOfTitle(fields[1]));
    for (size_t i = 0; i < kFlagGenres.size(); ++i) {
      if (Trim(fields[kFirstFlagField + i]) == "1") writer.AddGenre(item, kFlagGenres[i]);
    }
  }
}

/// movies_extrainfos.dat: id, title, year, rate, released, genres, directors, writers, actors, ...
void ReadExtraInfos(const std::string& path, BadRows* bad_rows, EntityBuilder* items) {
  constexpr std::pair<size_t, std::string_view> kLists[] = {
      {6, "director"}, {7, "writer"}, {8, "actor"}};
  RecordReader records(path, FormatOf(".dat"), bad_rows);
  const size_t rate = items->Feature("rate", FeatureKind::kCategory);
  while (records.Next()) {
    if (!records.Require(9, kAnyNumber)) continue;
    const auto& fields = records.fields();
    const int64_t item = items->Define(fields[0], "movie id", records.place());
    if (item < 0) continue;
    if (fields[3] != "N/A") items->AddCategory(rate, item, fields[3]);
    for (const auto& [position, name] : kLists) {
      const size_t feature = items->Feature(name, FeatureKind::kCategories);
      for (std::string_view person : SplitText(fields[position], ",")) {
        person = Trim(person.substr(0, person.find(" (")));  // "Joss Whedon (screenplay)"
        if (person != "N/A") items->AddCategory(feature, item, person);
      }
    }
  }
}

/// RecBole's ml-*.item: a typed header with the columns item_id, movie_title, release_year and
/// class or genre. All but item_id may be absent.
void ReadAtomicMovies(const std::string& path, BadRows* bad_rows, EntityBuilder* items) {
  RecordReader records(path, FormatOf(".item"), bad_rows);
  if (!records.Next()) return;
  const ColumnHeader header(path, records.fields(), /*typed=*/true);
  const size_t id = header.Require("item_id"), title = header.Find("movie_title");
  const size_t year = header.Find("release_year");
  size_t genres = header.Find("class");
  if (genres == ColumnHeader::kNone) genres = header.Find("genre");
  ItemWriter writer(items);
  while (records.Next()) {
    if (!records.Require(id + 1, header.size())) continue;
    const auto& fields = records.fields();
    const int64_t item = items->Define(fields[id], "item_id", records.place());
    if (item < 0) continue;
    if (title < fields.size()) items->SetTitle(item, fields[title]);
    if (year < fields.size()) writer.SetYear(item, fields[year]);
    if (genres >= fields.size()) continue;
    for (const std::string_view genre : SplitText(fields[genres], " ")) {
      writer.AddGenre(item, genre);
    }
  }
}

/// The positions of two fields of a file of users. Field 0 is the id, 3 the occupation, 4 the zip.
struct UserLayout {
  std::string_view separator;
  size_t gender, age;
};
constexpr UserLayout kUsersDat = {.separator = "::", .gender = 1, .age = 2};  // users.dat
constexpr UserLayout kUUser = {.separator = "|", .gender = 2, .age = 1};      // u.user

void ReadUsers(const std::string& path, const UserLayout& layout, BadRows* bad_rows,
               EntityBuilder* users) {
  RecordReader records(path, {std::string(layout.separator), false}, bad_rows);
  UserWriter writer(users);
  while (records.Next()) {
    if (!records.Require(5)) continue;
    const auto& fields = records.fields();
    const int64_t user = users->Define(fields[0], "user id", records.place());
    if (user < 0) continue;
    writer.Set(user, fields[layout.gender], fields[layout.age], fields[3], fields[4]);
  }
}

void ReadAtomicUsers(const std::string& path, BadRows* bad_rows, EntityBuilder* users) {
  RecordReader records(path, FormatOf(".user"), bad_rows);
  if (!records.Next()) return;
  const ColumnHeader header(path, records.fields(), /*typed=*/true);
  const size_t id = header.Require("user_id");
  const size_t columns[] = {header.Find("gender"), header.Find("age"), header.Find("occupation"),
                            header.Find("zip_code")};
  UserWriter writer(users);
  while (records.Next()) {
    if (!records.Require(id + 1, header.size())) continue;
    const auto& fields = records.fields();
    const int64_t user = users->Define(fields[id], "user_id", records.place());
    if (user < 0) continue;
    const auto field = [&fields](size_t column) {
      return column < fields.size() ? fields[column] : std::string_view{};
    };
    writer.Set(user, field(columns[0]), field(columns[1]), field(columns[2]), field(columns[3]));
  }
}

/// The first of `names` that exists in `folder`, else the only file with this extension, else "".
std::string FindFile(const std::filesystem::path& folder,
                     const std::vector<std::string_view>& names, std::string_view extension) {
  for (const std::string_view name : names) {
    if (std::filesystem::exists(folder / name)) return (folder / name).string();
  }
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) found.push_back(entry.path().string());
  }
  if (found.size() != 1) return "";
  return found[0];
}

}  // namespace

MovieLensFeatures::MovieLensFeatures(const std::string& folder, BadRows* bad_rows)
    : bad_rows_(bad_rows) {
  if (!std::filesystem::is_directory(folder)) {
    throw DataError("{} is not a folder; a MovieLens folder is expected", folder);
  }
  movies_ = FindFile(folder, {"u.item", "movies.dat", "movies.csv"}, ".item");
  users_ = FindFile(folder, {"u.user", "users.dat"}, ".user");
  const std::string extra = (std::filesystem::path(folder) / "movies_extrainfos.dat").string();
  if (std::filesystem::exists(extra)) extra_ = extra;
}

std::vector<std::string> MovieLensFeatures::files() const {
  std::vector<std::string> present;
  for (const std::string& path : {movies_, extra_, users_}) {
    if (!path.empty()) present.push_back(path);
  }
  return present;
}

void MovieLensFeatures::Read(EntityBuilder* users, EntityBuilder* items) const {
  const std::string movies_name = std::filesystem::path(movies_).filename().string();
  const std::string users_name = std::filesystem::path(users_).filename().string();
  if (!movies_.empty()) {
    items->BeginFile(movies_);
    if (movies_name == "u.item") {
      ReadFlaggedMovies(movies_, bad_rows_, items);
    } else if (movies_name.ends_with(".item")) {
      ReadAtomicMovies(movies_, bad_rows_, items);
    } else {
      ReadMovies(movies_, bad_rows_, items);
    }
    items->EndFile();
  }
  if (!extra_.empty()) {
    items->BeginFile(extra_);
    ReadExtraInfos(extra_, bad_rows_, items);
    items->EndFile();
  }
  if (users_.empty()) return;
  users->BeginFile(users_);
  if (users_name == "u.user") {
    ReadUsers(users_, kUUser, bad_rows_, users);
  } else if (users_name == "users.dat") {
    ReadUsers(users_, kUsersDat, bad_rows_, users);
  } else {
    ReadAtomicUsers(users_, bad_rows_, users);
  }
  users->EndFile();
}

}  // namespace hearth
