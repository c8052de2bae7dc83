#include "hdf5_source.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {

std::pair<std::string, std::string> split_hdf5_name(const std::string& name) {
  const auto colon = name.rfind(":/");
  if (colon == std::string::npos || colon == 0 || colon + 2 == name.size()) {
    throw ConfigError("'" + name +
                      "' does not name a data set of an HDF5 file: write "
                      "\"file.h5:/path/to/dataset\"");
  }
  return {name.substr(0, colon), name.substr(colon + 1)};
}

Hdf5Rows::Hdf5Rows(const std::string& name) : Hdf5Rows(name, split_hdf5_name(name)) {}

Hdf5Rows::Hdf5Rows(const std::string& name, const std::pair<std::string, std::string>& parts)
    : name_(name), dataset_(parts.second), file_(parts.first) {
  const auto shape = file_.shape(dataset_);
  if (shape.empty()) {
    throw DataError("'" + name_ + "' is a single value, not one row per sample");
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    throw DataError("'" + name_ + "' holds no data: one of its extents is 0");
  }
  rows_ = shape[0];
  values_per_row_ =
      std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>{});
}

Hdf5Source::Hdf5Source(const DataFiles& files) : inputs_(files.inputs), targets_(files.targets) {
  if (inputs_.rows() != targets_.rows()) {
    throw DataError("'" + files.inputs + "' holds " + std::to_string(inputs_.rows()) +
                    " samples but '" + files.targets + "' holds " +
                    std::to_string(targets_.rows()) + " targets");
  }
}

void Hdf5Rows::read(std::span<const std::int64_t> rows, MatrixView<double> values) const {
  NTKFLOW_EXPECTS(values.rows == values_per_row_ && values.ld == values.rows &&
                      values.cols == static_cast<std::int64_t>(rows.size()),
                  values.rows, values.ld, values.cols, rows.size());
  for_each_run(rows, rows_, [&](std::int64_t begin, std::int64_t count) {
    file_.read_rows(dataset_, rows[static_cast<std::size_t>(begin)], count, values.column(begin));
  });
}

void Hdf5Source::read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) {
  inputs_.read(rows, samples);
}

void Hdf5Source::read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) {
  targets_.read(rows, targets);
}

}  // namespace ntkflow
