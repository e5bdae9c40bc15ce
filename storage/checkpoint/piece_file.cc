#include "storage/checkpoint/piece_file.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hearth {
namespace {

constexpr std::string_view kFormat = "hearth-checkpoint-part";
constexpr int64_t kFormatVersion = 1;

std::string DatasetName(const std::string& array, int64_t row_begin) {
  return fmt::format("/arrays/{}/rows-{}", array, row_begin);
}

std::string TouchedDatasetName(const std::string& array) {
  return fmt::format("/arrays/{}/touched", array);
}

std::string OffsetsDatasetName(const std::string& touched) {
  return fmt::format("/touched/{}", touched);
}

/// The spec of `row_count` rows of an array.
ArraySpec SpecOfRows(ArraySpec spec, int64_t row_count) {
  spec.shape[0] = row_count;
  return spec;
}

template <typename Element>
void WriteSlice(Hdf5File& file, const NamedArray& array) {
  const int64_t count = array.size_bytes() / int64_t{sizeof(Element)};
  const std::string dataset =
      array.touched ? TouchedDatasetName(array.name) : DatasetName(array.name, array.rows.begin);
  const std::span<const Element> values(static_cast<const Element*>(array.data), count);
  file.BorrowDataset(dataset, values, SpecOfRows(array.spec, array.held_rows()).shape);
}

void WriteSliceOfType(Hdf5File& file, const NamedArray& array) {
  switch (array.spec.type) {
    case ColumnType::kUint8:
      return WriteSlice<uint8_t>(file, array);
    case ColumnType::kInt32:
      return WriteSlice<int32_t>(file, array);
    case ColumnType::kUint32:
      return WriteSlice<uint32_t>(file, array);
    case ColumnType::kInt64:
      return WriteSlice<int64_t>(file, array);
    case ColumnType::kFloat32:
      return WriteSlice<float>(file, array);
    case ColumnType::kFloat64:
      return WriteSlice<double>(file, array);
  }
}

void CheckHeader(const Hdf5File& file, const PieceHeader& header) {
  const auto check = [&](const std::string& name, auto found, auto expected) {
    if (found == expected) return;
    throw DataError("'{}' says {} '{}', the manifest says '{}': a file of another checkpoint",
                    file.path(), name, found, expected);
  };
  check("format", file.TextAttribute("/", "format"), std::string(kFormat));
  check("format_version", file.IntAttribute("/", "format_version"), kFormatVersion);
  check("run_id", file.TextAttribute("/", "run_id"), header.run_id);
  check("step", file.IntAttribute("/", "step"), header.step);
  check("rank", file.IntAttribute("/", "rank"), int64_t{header.rank});
  check("world_size", file.IntAttribute("/", "world_size"), int64_t{header.world_size});
}

}  // namespace

WrittenFile WritePieceFile(const std::string& path, const PieceHeader& header,
                           std::span<const NamedArray> arrays) {
  Hdf5File file = Hdf5File::Create(path, FileImage::kPageBytes);
  file.SetAttribute("/", "format", kFormat);
  file.SetAttribute("/", "format_version", kFormatVersion);
  file.SetAttribute("/", "run_id", header.run_id);
  file.SetAttribute("/", "step", header.step);
  file.SetAttribute("/", "rank", int64_t{header.rank});
  file.SetAttribute("/", "world_size", int64_t{header.world_size});
  std::set<std::string> written;
  for (const NamedArray& array : arrays) {
    if (array.held_rows() == 0) continue;
    WriteSliceOfType(file, array);
    if (array.touched && written.insert(array.touched->name).second) {
      file.BorrowDataset<uint32_t>(OffsetsDatasetName(array.touched->name), array.touched->offsets);
    }
  }
  return file.Close();
}

PieceFile::PieceFile(FileDescriptor descriptor, const PieceHeader& header,
                     const CheckpointPiece& record) {
  Hdf5File file = Hdf5File::Read(std::move(descriptor));
  CheckHeader(file, header);
  for (const auto& [name, array] : record.arrays) {
    for (const RowRange& slice : array.slices) {
      Locate(file, name, SpecOfRows(array.spec, slice.size()), slice.begin,
             DatasetName(name, slice.begin));
    }
    if (!array.touched || array.touched->count == 0) continue;
    ReadOffsets(file, *array.touched);
    Locate(file, name, SpecOfRows(array.spec, array.touched->count), array.touched->range.begin,
           TouchedDatasetName(name));
  }
  file_ = file.TakeFile();
}

void PieceFile::Locate(const Hdf5File& file, const std::string& name, const ArraySpec& spec,
                       int64_t row_begin, const std::string& dataset) {
  const DatasetInfo info = file.Describe(dataset);
  const ArraySpec found{info.type, info.shape};
  if (found != spec) {
    throw DataError("'{}': {} is {}, the manifest says {}", file.path(), dataset, found.ToString(),
                    spec.ToString());
  }
  offsets_[{name, row_begin}] = info.offset_bytes;
}

void PieceFile::ReadOffsets(const Hdf5File& file, const TouchedRecord& touched) {
  const auto [place, is_new] = touched_.try_emplace(touched.name);
  std::vector<uint32_t>& offsets = place->second;
  const std::string dataset = OffsetsDatasetName(touched.name);
  if (is_new) offsets = file.ReadDataset<uint32_t>(dataset);
  const bool ascend = std::ranges::adjacent_find(offsets, std::greater_equal()) == offsets.end();
  if (std::ssize(offsets) != touched.count || !ascend ||
      int64_t{offsets.back()} >= touched.range.size()) {
    throw DataError("'{}': {} are not {} ascending offsets of {} rows", file.path(), dataset,
                    touched.count, touched.range.size());
  }
}

void PieceFile::ReadRows(const std::string& name, const ArraySpec& spec, RowRange slice,
                         RowRange rows, void* out) const {
  const int64_t slice_offset = offsets_.at({name, slice.begin});
  file_.ReadAt(out, rows.size() * spec.row_bytes(),
               slice_offset + (rows.begin - slice.begin) * spec.row_bytes());
}

void PieceFile::ReadTouched(const std::string& name, const ArraySpec& spec,
                            const TouchedRecord& touched, RowRange rows, char* out) const {
  const std::vector<uint32_t>& offsets = touched_.at(touched.name);
  const int64_t origin = touched.range.begin;
  const auto place_of = [&](int64_t row) {
    return std::ranges::lower_bound(offsets, row - origin, {},
                                    [](uint32_t o) { return int64_t{o}; });
  };
  const auto begin = place_of(rows.begin), end = place_of(rows.end);
  if (begin == end) return;
  const int64_t row_bytes = spec.row_bytes();
  std::vector<char> block((end - begin) * row_bytes);
  file_.ReadAt(block.data(), std::ssize(block),
               offsets_.at({name, origin}) + (begin - offsets.begin()) * row_bytes);
  const char* from = block.data();
  for (auto offset = begin; offset != end; ++offset, from += row_bytes) {
    std::memcpy(out + (origin + int64_t{*offset} - rows.begin) * row_bytes, from, row_bytes);
  }
}

}  // namespace hearth
