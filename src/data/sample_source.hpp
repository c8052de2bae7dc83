#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/data/options.hpp>

namespace ntkflow {

/// All samples of one split as its file stores them, before any subset, encoding or preprocessing.
/// Opening reads headers and checks sizes; values are read on demand, by row. Local, every member.
class SampleSource {
 public:
  SampleSource() = default;
  SampleSource(const SampleSource&) = delete;
  SampleSource& operator=(const SampleSource&) = delete;
  SampleSource(SampleSource&&) = delete;
  SampleSource& operator=(SampleSource&&) = delete;
  virtual ~SampleSource() = default;

  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual std::int64_t dimension() const = 0;
  /// Numbers stored as the target of one sample: 1 for class labels.
  [[nodiscard]] virtual std::int64_t target_columns() const = 0;

  /// Reads the inputs of some rows, ascending, into samples [dimension x rows.size()].
  virtual void read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) = 0;
  /// Reads the targets of some rows, ascending, into targets [target_columns x rows.size()].
  virtual void read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) = 0;

  /// Check what only the end of a file tells (length, checksum). Call them after the last read of a
  /// pass, for a compressed file is unpacked to its end.
  virtual void verify_inputs() {}
  virtual void verify_targets() {}

  /// Names of all columns where the file has names, else empty. Sources of one data set must agree
  /// on them.
  [[nodiscard]] virtual std::vector<std::string> column_names() const { return {}; }

  /// Where inputs and targets come from, for messages and for the result file.
  [[nodiscard]] virtual std::string inputs_name() const = 0;
  [[nodiscard]] virtual std::string targets_name() const = 0;
};

/// Opens one split. Local. Null for a test split that the options do not name. Throws ConfigError,
/// IoError or DataError.
std::unique_ptr<SampleSource> open_source(const DataOptions& options, Split split);

/// Calls visit(begin, count) for each maximal run rows[begin], rows[begin] + 1, ... of consecutive
/// rows, cut into runs of at most `largest` rows.
template <class Visit>
void for_each_run(std::span<const std::int64_t> rows, std::int64_t largest, Visit&& visit) {
  const auto n = static_cast<std::int64_t>(rows.size());
  for (std::int64_t begin = 0; begin < n;) {
    std::int64_t end = begin + 1;
    while (end < n && end - begin < largest && rows[end] == rows[begin] + (end - begin)) {
      ++end;
    }
    visit(begin, end - begin);
    begin = end;
  }
}

}  // namespace ntkflow
