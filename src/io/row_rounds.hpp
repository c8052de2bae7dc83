#pragma once

#include <cstdint>
#include <vector>

namespace ntkflow {

/// A box of a data set whose values are neighbours in row-major order.
struct Box {
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> extent;
  std::int64_t first = 0;  ///< its first value, counted from the first of all rows
  std::int64_t size = 0;   ///< number of values
};

/// Rows [begin, begin + count) of a data set, cut into boxes of limited size: whole rows, or pieces
/// of a row that is too long. Local, every member.
class RowRounds {
 public:
  /// @param shape  of the data set, with at least one axis and no extent 0.
  /// @param largest  values in one box; at least one is taken.
  RowRounds(std::vector<std::int64_t> shape, std::int64_t begin, std::int64_t count,
            std::int64_t largest);

  [[nodiscard]] std::int64_t size() const noexcept { return lines_ * boxes_per_line_; }
  /// @pre 0 <= round < size().
  [[nodiscard]] Box box(std::int64_t round) const;

 private:
  std::vector<std::int64_t> shape_;
  std::int64_t first_value_ = 0;
  // A box spans some indices of axis_, everything on the axes after it (unit_ values for each
  // index) and one index of every axis before it (a line).
  std::size_t axis_ = 0;
  std::int64_t unit_ = 1;
  std::int64_t units_per_box_ = 1;
  std::int64_t line_units_ = 0;
  std::int64_t lines_ = 1;
  std::int64_t boxes_per_line_ = 0;
};

}  // namespace ntkflow
