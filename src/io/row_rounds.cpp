#include "row_rounds.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {

RowRounds::RowRounds(std::vector<std::int64_t> shape, std::int64_t begin, std::int64_t count,
                     std::int64_t largest)
    : shape_(std::move(shape)) {
  NTKFLOW_EXPECTS(!shape_.empty() && largest >= 1, shape_.size(), largest);
  unit_ = std::accumulate(shape_.begin() + 1, shape_.end(), std::int64_t{1}, std::multiplies<>{});
  first_value_ = begin * unit_;
  line_units_ = count;
  while (unit_ > largest && axis_ + 1 < shape_.size()) {
    lines_ *= line_units_;
    ++axis_;
    line_units_ = shape_[axis_];
    unit_ /= line_units_;
  }
  units_per_box_ = std::max<std::int64_t>(1, largest / unit_);
  boxes_per_line_ = (line_units_ + units_per_box_ - 1) / units_per_box_;
}

Box RowRounds::box(std::int64_t round) const {
  NTKFLOW_EXPECTS(round >= 0 && round < size(), round, size());
  const std::int64_t line = round / boxes_per_line_;
  const std::int64_t from = round % boxes_per_line_ * units_per_box_;
  Box box;
  box.first = (line * line_units_ + from) * unit_;
  box.start.resize(shape_.size());
  box.extent = shape_;
  std::fill_n(box.extent.begin(), axis_, 1);
  box.extent[axis_] = std::min(units_per_box_, line_units_ - from);
  box.size = box.extent[axis_] * unit_;
  std::int64_t place = first_value_ + box.first;
  for (std::size_t axis = shape_.size(); axis-- > 0;) {
    box.start[axis] = place % shape_[axis];
    place /= shape_[axis];
  }
  return box;
}

}  // namespace ntkflow
