#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "trainer/table/row_directory.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// The values of a table row at its start. They are normal with TableSpec::init_scale, a pure
/// function of (seed, table, id). For NewRows::kMean they are the mean of the rows in the id's
/// bucket, if the bucket had rows when the mean was taken. An id without a row reads as these
/// values.
class NewRowValues {
 public:
  /// `buckets`: the buckets to keep means for, if means are kept. `options`: dtype of the table.
  NewRowValues(const TableSpec& spec, TableOptions::NewRows kind, uint64_t seed,
               PositionRange buckets, at::TensorOptions options);

  /// Memory of the means.
  static int64_t BytesFor(TableOptions::NewRows kind, PositionRange buckets, int64_t dim,
                          int64_t element_bytes);

  /// The values for an id [dim], double, on the CPU.
  at::Tensor For(int64_t id) const;
  /// Sets rows [row, dim], on the CPU, of a table with a row for every id.
  void FillAll(const RowDirectory& directory, at::Tensor& rows) const;
  /// Takes the means of some buckets anew; call it once in every outer step. 128 steps refresh all
  /// buckets.
  void RefreshMeans(int64_t step, const RowDirectory& directory, const at::Tensor& rows);

  /// The mean of each bucket's rows [bucket, dim + 1]; the last column is the number of rows in the
  /// mean. Undefined unless NewRows::kMean.
  const at::Tensor& bucket_means() const { return bucket_means_; }
  /// Lists the state: "means", if means are kept.
  void ListState(const StateDomain& buckets, StateList& list);

 private:
  template <typename Real>
  void FillFromSeed(int64_t id, Real* values) const;
  // The mean over the `slots` rows of a bucket: [dim + 1]. Bucket 0 is the first owned bucket.
  at::Tensor MeanOf(int64_t bucket, int64_t slots, const RowDirectory& directory,
                    const at::Tensor& rows) const;

  std::string table_name_;
  int64_t dim_;
  double init_scale_;
  uint64_t seed_;
  PositionRange buckets_;
  at::Tensor bucket_means_;
};

}  // namespace hearth
