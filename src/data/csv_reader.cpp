#include "csv_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlank = " \t";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// A field as a message shows it: printable and short.
std::string quoted(const std::string& field) {
  constexpr std::size_t kShown = 40;
  std::string shown = field.substr(0, kShown);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return "'" + shown + (field.size() > kShown ? "…'" : "'");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

std::vector<std::string> split_csv_line(std::string_view line) {
  std::vector<std::string> fields;
  std::string field;
  bool inside_quotes = false;
  bool was_quoted = false;
  const auto finish = [&] {
    fields.push_back(was_quoted ? field : std::string(trimmed(field)));
    field.clear();
    was_quoted = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (inside_quotes) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        field += c;
        ++i;
      } else {
        inside_quotes = false;
      }
    } else if (c == '"' && trimmed(field).empty() && !was_quoted) {
      field.clear();
      inside_quotes = true;
      was_quoted = true;
    } else if (c == ',') {
      finish();
    } else if (!was_quoted || (c != ' ' && c != '\t')) {
      field += c;
    }
  }
  finish();
  return fields;
}

std::optional<double> parse_csv_number(std::string_view field) {
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') {
    field.remove_prefix(1);  // std::from_chars takes a minus but no plus
  }
  double value = 0.0;
  const char* end = field.data() + field.size();
  const auto [last, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc{} || last != end) {
    return std::nullopt;
  }
  return value;
}

void LineReader::seek(std::int64_t offset) {
  const auto buffered = static_cast<std::int64_t>(buffer_.size());
  if (offset >= buffer_offset_ && offset <= buffer_offset_ + buffered) {
    cursor_ = static_cast<std::size_t>(offset - buffer_offset_);
    return;
  }
  buffer_.clear();
  buffer_offset_ = offset;
  cursor_ = 0;
}

std::optional<std::string_view> LineReader::next() {
  constexpr std::size_t kChunkBytes = std::size_t{1} << 16;
  std::size_t end = buffer_.find('\n', cursor_);
  if (end == std::string::npos) {
    buffer_.erase(0, cursor_);
    buffer_offset_ += static_cast<std::int64_t>(cursor_);
    cursor_ = 0;
  }
  while (end == std::string::npos) {
    const std::size_t old_size = buffer_.size();
    buffer_.resize(old_size + kChunkBytes);
    const std::int64_t got =
        bytes_->read_at(buffer_offset_ + static_cast<std::int64_t>(old_size),
                        buffer_.data() + old_size, static_cast<std::int64_t>(kChunkBytes));
    buffer_.resize(old_size + static_cast<std::size_t>(got));
    end = buffer_.find('\n', old_size);
    if (got == 0) {
      break;
    }
  }
  if (end == std::string::npos && cursor_ == buffer_.size()) {
    return std::nullopt;
  }
  std::string_view line = std::string_view(buffer_).substr(
      cursor_, end == std::string::npos ? std::string::npos : end - cursor_);
  cursor_ = end == std::string::npos ? buffer_.size() : end + 1;
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return line;
}

CsvSource::CsvSource(const std::string& path, const std::vector<std::string>& target_columns,
                     CsvTargets targets)
    : lines_(open_bytes(path)) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (const auto line = lines_.next(); line && line->starts_with(kByteOrderMark)) {
    row_offset_.push_back(static_cast<std::int64_t>(kByteOrderMark.size()));
  } else {
    row_offset_.push_back(0);
  }
  lines_.seek(row_offset_[0]);
  const std::vector<std::string> fields = split_csv_line(lines_.next().value_or(""));
  columns_ = fields.size();
  if (std::none_of(fields.begin(), fields.end(),
                   [](const auto& field) { return parse_csv_number(field).has_value(); })) {
    header_ = fields;
    first_line_ = 2;
    row_offset_.clear();
  }
  auto end_of_samples = static_cast<std::int64_t>(row_offset_.size());
  for (std::int64_t offset = lines_.position(); const auto line = lines_.next();
       offset = lines_.position()) {
    row_offset_.push_back(offset);
    if (!trimmed(*line).empty()) {
      end_of_samples = size();
    }
  }
  row_offset_.resize(static_cast<std::size_t>(end_of_samples));
  if (row_offset_.empty()) {
    throw DataError("'" + path + "' holds no data: it has no line of numbers");
  }
  choose_columns(target_columns, targets);
}

void CsvSource::choose_columns(const std::vector<std::string>& names, CsvTargets targets) {
  for (const std::string& name : names) {
    std::size_t column = columns_;
    if (const auto found = std::find(header_.begin(), header_.end(), name);
        found != header_.end()) {
      column = static_cast<std::size_t>(found - header_.begin());
      if (std::find(found + 1, header_.end(), name) != header_.end()) {
        throw DataError("'" + lines_.path() + "' has two columns named '" + name +
                        "'; choose data.target_columns by number, from 0");
      }
    } else {
      std::from_chars(name.data(), name.data() + name.size(), column);
      const bool is_number =
          !name.empty() && std::all_of(name.begin(), name.end(),
                                       [](unsigned char c) { return c >= '0' && c <= '9'; });
      if (!is_number || column >= columns_) {
        throw DataError("'" + lines_.path() + "' has no column '" + name +
                        "' for data.target_columns; it has " + std::to_string(columns_) +
                        " columns, numbered from 0" +
                        (header_.empty() ? " and without names" : ": " + joined(header_)));
      }
    }
    if (std::find(target_columns_.begin(), target_columns_.end(), column) !=
        target_columns_.end()) {
      throw ConfigError("data.target_columns names column " + std::to_string(column) + " of '" +
                        lines_.path() + "' twice");
    }
    target_columns_.push_back(column);
  }
  if (names.empty() && targets == CsvTargets::present) {
    target_columns_.push_back(columns_ - 1);
  }
  for (std::size_t column = 0; column < columns_; ++column) {
    if (std::find(target_columns_.begin(), target_columns_.end(), column) ==
        target_columns_.end()) {
      input_columns_.push_back(column);
    }
  }
  if (input_columns_.empty()) {
    throw DataError("'" + lines_.path() +
                    "' has no input columns: all of its columns are targets; fields must be "
                    "separated by commas");
  }
}

std::string CsvSource::place(std::int64_t row) const {
  return "'" + lines_.path() + "', line " + std::to_string(row + first_line_);
}

void CsvSource::read_row(std::int64_t row, const std::vector<std::size_t>& columns,
                         double* values) {
  lines_.seek(row_offset_[static_cast<std::size_t>(row)]);
  const auto line = lines_.next();
  if (!line) {
    throw DataError(place(row) + ": the file has become shorter while it was read");
  }
  const std::vector<std::string> fields = split_csv_line(*line);
  if (fields.size() != columns_) {
    throw DataError(place(row) + " has " + std::to_string(fields.size()) +
                    " columns where the first line has " + std::to_string(columns_));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string& field = fields[columns[i]];
    const auto value = parse_csv_number(field);
    if (!value || !std::isfinite(*value)) {
      throw DataError(place(row) + ", column " + std::to_string(columns[i]) + " (from 0)" +
                      (header_.empty() ? "" : ", " + quoted(header_[columns[i]])) + ": " +
                      quoted(field) +
                      (value ? " is not a finite number" : " is not a number that a double holds") +
                      (row + first_line_ == 1 ? " (a header line would hold names only)" : ""));
    }
    values[i] = *value;
  }
}

void CsvSource::read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) {
  NTKFLOW_EXPECTS(
      samples.rows == dimension() && samples.cols == static_cast<std::int64_t>(rows.size()),
      samples.rows, samples.cols, rows.size());
  for (std::int64_t j = 0; j < samples.cols; ++j) {
    read_row(rows[static_cast<std::size_t>(j)], input_columns_, samples.column(j));
  }
}

void CsvSource::read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) {
  NTKFLOW_EXPECTS(
      targets.rows == target_columns() && targets.cols == static_cast<std::int64_t>(rows.size()),
      targets.rows, targets.cols, rows.size());
  for (std::int64_t j = 0; j < targets.cols; ++j) {
    read_row(rows[static_cast<std::size_t>(j)], target_columns_, targets.column(j));
  }
}

}  // namespace ntkflow
