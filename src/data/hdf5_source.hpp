#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <ntkflow/io/hdf5_reader.hpp>

#include "sample_source.hpp"

namespace ntkflow {

/// Cuts "file.h5:/path/to/dataset" into file and path. Local. Throws ConfigError.
std::pair<std::string, std::string> split_hdf5_name(const std::string& name);

/// One HDF5 data set [n x ...] read by rows, all later axes as one. Local, every member.
class Hdf5Rows {
 public:
  /// @param name  "file.h5:/path/to/dataset". Throws ConfigError, IoError or DataError.
  explicit Hdf5Rows(const std::string& name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t values_per_row() const noexcept { return values_per_row_; }
  /// Reads rows, ascending, into values [values_per_row x rows.size()], columns contiguous.
  void read(std::span<const std::int64_t> rows, MatrixView<double> values) const;

 private:
  Hdf5Rows(const std::string& name, const std::pair<std::string, std::string>& parts);

  std::string name_;
  std::string dataset_;
  Hdf5Reader file_;
  std::int64_t rows_ = 0;
  std::int64_t values_per_row_ = 1;
};

/// Inputs and targets in two HDF5 data sets, of one file or two, with the same number of rows.
class Hdf5Source final : public SampleSource {
 public:
  explicit Hdf5Source(const DataFiles& files);

  [[nodiscard]] std::int64_t size() const override { return inputs_.rows(); }
  [[nodiscard]] std::int64_t dimension() const override { return inputs_.values_per_row(); }
  [[nodiscard]] std::int64_t target_columns() const override { return targets_.values_per_row(); }
  void read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) override;
  void read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) override;
  [[nodiscard]] std::string inputs_name() const override { return inputs_.name(); }
  [[nodiscard]] std::string targets_name() const override { return targets_.name(); }

 private:
  Hdf5Rows inputs_;
  Hdf5Rows targets_;
};

}  // namespace ntkflow
