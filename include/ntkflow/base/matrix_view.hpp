#pragma once

#include <cstdint>
#include <type_traits>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {

/// A column-major matrix [rows x cols] in somebody else's memory, column stride `ld` >= rows.
template <class Value>
struct MatrixView {
  Value* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t ld = 0;

  MatrixView() = default;
  MatrixView(Value* data_in, std::int64_t rows_in, std::int64_t cols_in, std::int64_t ld_in)
      : data(data_in), rows(rows_in), cols(cols_in), ld(ld_in) {
    NTKFLOW_EXPECTS(rows >= 0 && cols >= 0 && ld >= rows, rows, cols, ld);
  }
  MatrixView(Value* data_in, std::int64_t rows_in, std::int64_t cols_in)
      : MatrixView(data_in, rows_in, cols_in, rows_in) {}

  /// A view that may be written is also one that may be read.
  operator MatrixView<const Value>()
      const  // NOLINT(google-explicit-constructor): as T* to const T*
      requires(!std::is_const_v<Value>) {
    return {data, rows, cols, ld};
  }

  Value& operator()(std::int64_t i, std::int64_t j) const {
    NTKFLOW_ASSERT(i >= 0 && i < rows && j >= 0 && j < cols, i, j, rows, cols);
    return data[i + j * ld];
  }

  [[nodiscard]] Value* column(std::int64_t j) const { return data + j * ld; }

  /// The submatrix [m x n] that starts at (i, j).
  [[nodiscard]] MatrixView block(std::int64_t i, std::int64_t j, std::int64_t m,
                                 std::int64_t n) const {
    NTKFLOW_EXPECTS(i >= 0 && j >= 0 && i + m <= rows && j + n <= cols, i, j, m, n, rows, cols);
    return {data + i + j * ld, m, n, ld};
  }
};

}  // namespace ntkflow
