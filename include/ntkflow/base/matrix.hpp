#pragma once

#include <algorithm>
#include <cstdint>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow {

/// A column-major matrix [rows x cols] of one rank, zero at construction, columns contiguous. Move
/// only.
template <class Value>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::int64_t rows, std::int64_t cols)
      : rows_(rows), cols_(cols), buffer_(AlignedBuffer<Value>::zeroed(rows * cols)) {}

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::int64_t size() const noexcept { return buffer_.size(); }
  [[nodiscard]] Value* data() noexcept { return buffer_.data(); }
  [[nodiscard]] const Value* data() const noexcept { return buffer_.data(); }
  [[nodiscard]] Value* column(std::int64_t j) { return buffer_.data() + j * rows_; }
  [[nodiscard]] const Value* column(std::int64_t j) const { return buffer_.data() + j * rows_; }
  Value& operator()(std::int64_t i, std::int64_t j) { return view()(i, j); }
  const Value& operator()(std::int64_t i, std::int64_t j) const { return view()(i, j); }
  [[nodiscard]] MatrixView<Value> view() { return {buffer_.data(), rows_, cols_}; }
  [[nodiscard]] MatrixView<const Value> view() const { return {buffer_.data(), rows_, cols_}; }
  [[nodiscard]] Matrix clone() const {
    Matrix copy(rows_, cols_);
    std::copy_n(data(), size(), copy.data());
    return copy;
  }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  AlignedBuffer<Value> buffer_;
};

}  // namespace ntkflow
