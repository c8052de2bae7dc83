#include "shared_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {

double projection_rounding(std::int64_t n) {
  return 32.0 * std::numeric_limits<double>::epsilon() * std::sqrt(static_cast<double>(n));
}

double finite_length(double square) {
  if (!std::isfinite(square)) {
    throw NumericalError(
        "a product or solve with the kernel matrix gave values that are not finite; check the "
        "inputs, or add ridge");
  }
  return std::sqrt(square);
}

Matrix<double> SharedRows::allocate(std::int64_t k) const {
  Matrix<double> mine;
  collectively(*comm_, [&] { mine = Matrix<double>(rows_.size(), k); });
  return mine;
}

Matrix<double> SharedRows::take(const Matrix<double>& whole) const {
  Matrix<double> mine = allocate(whole.cols());
  for (std::int64_t j = 0; j < whole.cols(); ++j) {
    std::copy_n(whole.column(j) + rows_.begin, rows_.size(), mine.column(j));
  }
  return mine;
}

Matrix<double> SharedRows::whole(MatrixView<const double> mine) const {
  Matrix<double> all;
  collectively(*comm_, [&] { all = Matrix<double>(n_, mine.cols); });
  for (std::int64_t j = 0; j < mine.cols; ++j) {
    std::copy_n(mine.column(j), rows_.size(), all.column(j) + rows_.begin);
  }
  comm_->sum(std::span(all.data(), static_cast<std::size_t>(all.size())));
  return all;
}

Matrix<double> SharedRows::inner_products(MatrixView<const double> a,
                                          MatrixView<const double> b) const {
  Matrix<double> result;
  collectively(*comm_, [&] { result = Matrix<double>(a.cols, b.cols); });
  multiply<double>(Transpose::yes, Transpose::no, 1.0, a, b, 0.0, result.view());
  comm_->sum(std::span(result.data(), static_cast<std::size_t>(result.size())));
  return result;
}

std::vector<double> SharedRows::column_lengths(MatrixView<const double> mine) const {
  std::vector<double> lengths(static_cast<std::size_t>(mine.cols));
  for (std::int64_t j = 0; j < mine.cols; ++j) {
    lengths[static_cast<std::size_t>(j)] =
        std::inner_product(mine.column(j), mine.column(j) + mine.rows, mine.column(j), 0.0);
  }
  comm_->sum(lengths);
  for (double& length : lengths) {
    length = finite_length(length);
  }
  return lengths;
}

void SharedRows::project_out(MatrixView<const double> q, MatrixView<double> w) const {
  if (q.cols == 0 || w.cols == 0) {
    return;
  }
  const Matrix<double> s = inner_products(q, w);
  multiply<double>(Transpose::no, Transpose::no, -1.0, q, s.view(), 1.0, w);
}

std::vector<std::int64_t> SharedRows::orthonormalise(MatrixView<const double> q, Matrix<double>& w,
                                                     std::span<const double> scales,
                                                     std::int64_t most) const {
  Matrix<double> scratch;
  collectively(*comm_, [&] { scratch = Matrix<double>(w.cols(), 1); });
  // Twice is enough (Giraud, Langou, Rozloznik, van den Eshof 2005): what the first pass leaves of
  // a column beyond rounding is a new direction, which the second frees from the basis. A column
  // that shrinks in the second pass was rounding after all.
  project_out(q, w.view());
  std::vector<std::int64_t> first;
  for (std::int64_t j = 0; j < w.cols(); ++j) {
    const std::int64_t to = std::ssize(first);
    const double length = orthogonalise_column(w, to, j, scratch);
    if (length > projection_rounding(n_) * scales[static_cast<std::size_t>(j)] && to < most) {
      std::transform(w.column(j), w.column(j) + rows_.size(), w.column(to),
                     [length](double value) { return value / length; });
      first.push_back(j);
    }
  }
  const MatrixView<double> left = w.view().block(0, 0, rows_.size(), std::ssize(first));
  project_out(q, left);
  std::vector<std::int64_t> kept;
  for (const std::int64_t j : orthonormalise_again(left)) {
    kept.push_back(first[static_cast<std::size_t>(j)]);
  }
  return kept;
}

std::vector<std::int64_t> SharedRows::orthonormalise_again(MatrixView<double> w) const {
  constexpr double kLeastSquare = 0.25;
  const Matrix<double> gram = inner_products(w, w);
  Matrix<double> factor;  // L of the columns kept: L L^T = their inner products
  collectively(*comm_, [&] { factor = Matrix<double>(w.cols, w.cols); });
  std::vector<std::int64_t> kept;
  for (std::int64_t j = 0; j < w.cols; ++j) {
    const std::int64_t to = std::ssize(kept);
    double square = gram(j, j);
    for (std::int64_t i = 0; i < to; ++i) {
      double sum = gram(kept[static_cast<std::size_t>(i)], j);
      for (std::int64_t l = 0; l < i; ++l) {
        sum -= factor(i, l) * factor(to, l);
      }
      factor(to, i) = sum / factor(i, i);
      square -= factor(to, i) * factor(to, i);
    }
    if (square <= kLeastSquare) {
      continue;
    }
    factor(to, to) = std::sqrt(square);
    for (std::int64_t row = 0; row < w.rows; ++row) {
      double value = w.column(j)[row];
      for (std::int64_t i = 0; i < to; ++i) {
        value -= factor(to, i) * w.column(i)[row];
      }
      w.column(to)[row] = value / factor(to, to);
    }
    kept.push_back(j);
  }
  return kept;
}

double SharedRows::orthogonalise_column(Matrix<double>& w, std::int64_t count, std::int64_t column,
                                        Matrix<double>& scratch) const {
  const std::int64_t rows = w.rows();
  const MatrixView<double> target = w.view().block(0, column, rows, 1);
  const MatrixView<const double> before = w.view().block(0, 0, rows, count);
  const MatrixView<double> s = scratch.view().block(0, 0, count, 1);
  for (int pass = 0; pass < 2 && count > 0; ++pass) {
    multiply<double>(Transpose::yes, Transpose::no, 1.0, before, target, 0.0, s);
    comm_->sum(std::span(s.data, static_cast<std::size_t>(count)));
    multiply<double>(Transpose::no, Transpose::no, -1.0, before, s, 1.0, target);
  }
  const double* values = w.column(column);
  return std::sqrt(comm_->sum(std::inner_product(values, values + rows, values, 0.0)));
}

}  // namespace ntkflow
