#include "storage/checkpoint/part_file.h"

#include <string_view>
#include <vector>

#include "common/error.h"

namespace hearth {
namespace {

constexpr std::string_view kFormat = "hearth-checkpoint-part";

std::string DatasetName(const std::string& array, int64_t row_begin) {
  return fmt::format("/arrays/{}/rows-{}", array, row_begin);
}

std::vector<int64_t> SliceShape(const ArraySpec& spec, RowRange slice) {
  std::vector<int64_t> shape = spec.shape;
  shape[0] = slice.size();
  return shape;
}

template <typename Element>
void WriteSlice(Hdf5File& file, const NamedArray& array) {
  const int64_t count = array.rows.size() * array.spec.row_bytes() / int64_t{sizeof(Element)};
  file.BorrowDataset(DatasetName(array.name, array.rows.begin),
                     std::span(static_cast<const Element*>(array.data), static_cast<size_t>(count)),
                     SliceShape(array.spec, array.rows));
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

void CheckHeader(const Hdf5File& file, const PartHeader& header) {
  const auto check = [&](const std::string& name, auto found, auto expected) {
    if (found == expected) return;
    throw DataError("'{}' says {} '{}', the manifest says '{}': a file of another checkpoint",
                    file.path(), name, found, expected);
  };
  check("format", file.TextAttribute("/", "format"), std::string(kFormat));
  check("format_version", file.IntAttribute("/", "format_version"),
        CheckpointManifest::kFormatVersion);
  check("run_id", file.TextAttribute("/", "run_id"), header.run_id);
  check("step", file.IntAttribute("/", "step"), header.step);
  check("rank", file.IntAttribute("/", "rank"), int64_t{header.rank});
  check("world_size", file.IntAttribute("/", "world_size"), int64_t{header.world_size});
}

}  // namespace

WrittenFile WritePartFile(const std::string& path, const PartHeader& header,
                          std::span<const NamedArray> arrays) {
  Hdf5File file = Hdf5File::Create(path);
  file.SetAttribute("/", "format", kFormat);
  file.SetAttribute("/", "format_version", CheckpointManifest::kFormatVersion);
  file.SetAttribute("/", "run_id", header.run_id);
  file.SetAttribute("/", "step", header.step);
  file.SetAttribute("/", "rank", int64_t{header.rank});
  file.SetAttribute("/", "world_size", int64_t{header.world_size});
  for (const NamedArray& array : arrays) {
    if (array.rows.size() > 0) WriteSliceOfType(file, array);
  }
  return file.Close();
}

PartFile::PartFile(FileDescriptor descriptor, const PartHeader& header,
                   const CheckpointPart& record) {
  Hdf5File file = Hdf5File::Read(std::move(descriptor));
  CheckHeader(file, header);
  for (const auto& [name, array] : record.arrays) {
    for (const RowRange& slice : array.slices) {
      const DatasetInfo info = file.Describe(DatasetName(name, slice.begin));
      const ArraySpec found{info.type, info.shape};
      const ArraySpec expected{array.spec.type, SliceShape(array.spec, slice)};
      if (found != expected) {
        throw DataError("'{}': {} is {}, the manifest says {}", file.path(),
                        DatasetName(name, slice.begin), found.ToString(), expected.ToString());
      }
      offsets_[{name, slice.begin}] = info.offset_bytes;
    }
  }
  file_ = file.TakeFile();
}

void PartFile::ReadRows(const std::string& name, const ArraySpec& spec, RowRange slice,
                        RowRange rows, void* out) const {
  const int64_t slice_offset = offsets_.at({name, slice.begin});
  file_.ReadAt(out, rows.size() * spec.row_bytes(),
               slice_offset + (rows.begin - slice.begin) * spec.row_bytes());
}

}  // namespace hearth
