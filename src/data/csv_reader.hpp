#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byte_source.hpp"
#include "sample_source.hpp"

namespace ntkflow {

/// Cuts one line of a CSV file into its fields: separated by commas, spaces around them dropped, a
/// field in double quotes taken literally ("" for a quote). Local.
std::vector<std::string> split_csv_line(std::string_view line);

/// The number that a field spells, which may be nan or inf; nothing when it is not a number or
/// exceeds the range of double. Local.
std::optional<double> parse_csv_number(std::string_view field);

/// The lines of a file, each by its offset. Local, every member.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] const std::string& path() const noexcept { return bytes_->path(); }
  /// Offset of the next line.
  [[nodiscard]] std::int64_t position() const noexcept {
    return buffer_offset_ + static_cast<std::int64_t>(cursor_);
  }
  void seek(std::int64_t offset);
  /// The next line without its end (\n or \r\n), valid until the next call; nothing at the end.
  std::optional<std::string_view> next();

 private:
  std::unique_ptr<ByteSource> bytes_;
  std::string buffer_;
  std::int64_t buffer_offset_ = 0;
  std::size_t cursor_ = 0;
};

/// Whether a CSV file has targets among its columns.
enum class CsvTargets { present, absent };

/// A CSV file, plain or gzip: one sample per line, inputs and targets in its columns, with or
/// without a header line (a first line that is not all numbers). Empty lines may follow the last
/// sample. Opening finds the lines; a line's numbers are checked when it is read.
class CsvSource final : public SampleSource {
 public:
  /// @param target_columns  names in the header or numbers from 0; empty: the last column, or
  ///                        none with CsvTargets::absent.
  CsvSource(const std::string& path, const std::vector<std::string>& target_columns,
            CsvTargets targets = CsvTargets::present);

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(row_offset_.size());
  }
  [[nodiscard]] std::int64_t dimension() const override {
    return static_cast<std::int64_t>(input_columns_.size());
  }
  [[nodiscard]] std::int64_t target_columns() const override {
    return static_cast<std::int64_t>(target_columns_.size());
  }
  void read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) override;
  void read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) override;
  [[nodiscard]] std::vector<std::string> column_names() const override { return header_; }
  [[nodiscard]] std::string inputs_name() const override { return lines_.path(); }
  [[nodiscard]] std::string targets_name() const override { return lines_.path(); }

 private:
  void choose_columns(const std::vector<std::string>& names, CsvTargets targets);
  void read_row(std::int64_t row, const std::vector<std::size_t>& columns, double* values);
  [[nodiscard]] std::string place(std::int64_t row) const;

  LineReader lines_;
  std::vector<std::string> header_;  ///< empty without a header line
  std::int64_t first_line_ = 1;      ///< line number, from 1, of the first sample
  std::size_t columns_ = 0;
  std::vector<std::int64_t> row_offset_;
  std::vector<std::size_t> input_columns_;
  std::vector<std::size_t> target_columns_;
};

}  // namespace ntkflow
