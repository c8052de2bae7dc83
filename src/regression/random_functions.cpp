#include "ntkflow/regression/random_functions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/local_rows.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/products.hpp>
#include <ntkflow/linalg/thin_products.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {
namespace {

/// A^T X, given and returned whole on every rank.
Matrix<double> multiply_transposed(const DistMatrix<double>& a, const Matrix<double>& x) {
  const Communicator& comm = a.grid()->comm();
  Matrix<double> whole;
  collectively(comm, [&] {
    const Matrix<double> rows = rows_of<double>(x, a.row_map());
    Matrix<double> mine(a.local_cols(), x.cols());
    add_transposed_product<double>(a.local(), rows.view(), mine.view());
    whole = Matrix<double>(a.cols(), x.cols());
    add_rows(mine, a.col_map(), whole);
  });
  comm.sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

void scale(Matrix<double>& x, double factor) {
  std::transform(x.data(), x.data() + x.size(), x.data(),
                 [factor](double value) { return factor * value; });
}

/// F F^T / P [N x N], or F^T F / P [P x P], whichever is smaller.
DistMatrix<double> smaller_gram(const DistMatrix<double>& f) {
  const bool is_wide = f.rows() <= f.cols();
  std::optional<DistMatrix<double>> gram;
  collectively(f.grid()->comm(), [&] {
    const std::int64_t n = std::min(f.rows(), f.cols());
    gram.emplace(f.grid(), n, n, f.block());
  });
  multiply(is_wide ? Transpose::no : Transpose::yes, is_wide ? Transpose::yes : Transpose::no,
           1.0 / static_cast<double>(f.cols()), f, f, 0.0, *gram);
  return std::move(*gram);
}

/// (G + ridge I)^+ B. `gram` makes G, which each attempt consumes.
template <class Gram>
Matrix<double> solve(const Gram& gram, const Matrix<double>& b, double ridge, Monitor& monitor) {
  if (ridge > 0.0) {
    DistMatrix<double> shifted = gram();
    for_each_diagonal(shifted, [&](std::int64_t, double& value) { value += ridge; });
    const auto factored = factor_cholesky(std::move(shifted), Factorization::automatic, monitor);
    if (const auto* factor = std::get_if<CholeskyFactor<double>>(&factored)) {
      return factor->solve(b);
    }
  }
  auto outcome = diagonalise(gram());
  if (std::holds_alternative<EigenFailure>(outcome)) {
    throw NumericalError(
        "the least-squares problem of random functions has no eigensystem: a function has a value "
        "that is not finite, or the iteration did not converge");
  }
  const auto& eigen = std::get<EigenSystem<double>>(outcome);
  Matrix<double> modes = modes_of(eigen, b);
  for (std::int64_t i = 0; i < modes.rows(); ++i) {
    const double value = eigen.values[static_cast<std::size_t>(i)] + ridge;
    for (std::int64_t c = 0; c < modes.cols(); ++c) {
      modes(i, c) = value > rounding_level(eigen) ? modes(i, c) / value : 0.0;
    }
  }
  return from_modes(eigen, modes);
}

}  // namespace

Matrix<double> fit_functions(const DistMatrix<double>& values, const Matrix<double>& residual,
                             double ridge, Monitor& monitor) {
  NTKFLOW_EXPECTS(values.rows() == residual.rows() && values.cols() >= 1 && ridge >= 0.0,
                  values.rows(), residual.rows(), values.cols(), ridge);
  const auto gram = [&] { return smaller_gram(values); };
  const auto count = static_cast<double>(values.cols());
  Matrix<double> weights = values.rows() <= values.cols()
                               ? multiply_transposed(values, solve(gram, residual, ridge, monitor))
                               : solve(gram, multiply_transposed(values, residual), ridge, monitor);
  scale(weights, 1.0 / count);
  return weights;
}

DistMatrix<double> draw_functions(const CholeskyFactor<double>& covariance, std::int64_t count,
                                  std::uint64_t seed, std::uint64_t draw) {
  const auto& grid = covariance.matrix().grid();
  std::optional<DistMatrix<double>> values;
  collectively(grid->comm(), [&] {
    values.emplace(grid, covariance.matrix().rows(), count, covariance.matrix().block());
    const RandomStream stream(seed, draw);
    for (std::int64_t j = 0; j < values->local_cols(); ++j) {
      const auto p = static_cast<std::uint64_t>(values->col_map().to_global({j}).value);
      for_each_run(values->row_map(), [&](std::int64_t i_loc, std::int64_t i, std::int64_t length) {
        stream.normals(
            p, static_cast<std::uint64_t>(i),
            std::span(values->local().column(j) + i_loc, static_cast<std::size_t>(length)));
      });
    }
  });
  covariance.multiply_lower(*values);
  return std::move(*values);
}

DistMatrix<double> leading_part(const DistMatrix<double>& a, std::int64_t rows, std::int64_t cols) {
  NTKFLOW_EXPECTS(rows <= a.rows() && cols <= a.cols(), rows, a.rows(), cols, a.cols());
  DistMatrix<double> part(a.grid(), rows, cols, a.block());
  for (std::int64_t j = 0; j < part.local_cols(); ++j) {
    std::copy_n(a.local().column(j), part.local_rows(), part.local().column(j));
  }
  return part;
}

Matrix<double> multiply_leading(const DistMatrix<double>& a, const Matrix<double>& x) {
  NTKFLOW_EXPECTS(x.rows() <= a.cols(), x.rows(), a.cols());
  const Communicator& comm = a.grid()->comm();
  Matrix<double> whole;
  collectively(comm, [&] {
    const BlockCyclic& all = a.col_map();
    const BlockCyclic cols(x.rows(), all.block(), all.processes(), all.coordinate());
    const Matrix<double> factors = rows_of<double>(x, cols);
    Matrix<double> mine(a.local_rows(), x.cols());
    add_product<double>(a.local().block(0, 0, a.local_rows(), cols.local_size()), factors.view(),
                        mine.view());
    whole = Matrix<double>(a.rows(), x.cols());
    add_rows(mine, a.row_map(), whole);
  });
  comm.sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

namespace {

/// The slope of a line through log error over log size, of the errors above zero.
std::optional<double> slope_of(std::span<const std::int64_t> sizes, const double* error) {
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (error[i] > 0.0) {
      x.push_back(std::log(static_cast<double>(sizes[i])));
      y.push_back(std::log(error[i]));
    }
  }
  if (x.size() < 2) {
    return std::nullopt;
  }
  const double centre = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  double xx = 0.0;
  double xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - centre) * (x[i] - centre);
    xy += (x[i] - centre) * y[i];
  }
  return xy / xx;
}

}  // namespace

std::optional<PowerOfSize> power_of_size(std::span<const std::int64_t> sizes,
                                         MatrixView<const double> error) {
  NTKFLOW_EXPECTS(std::ssize(sizes) == error.rows, sizes.size(), error.rows);
  std::vector<double> slopes;
  for (std::int64_t j = 0; j < error.cols; ++j) {
    if (const auto slope = slope_of(sizes, error.column(j))) {
      slopes.push_back(*slope);
    }
  }
  if (slopes.empty()) {
    return std::nullopt;
  }
  const auto count = static_cast<double>(slopes.size());
  PowerOfSize power;
  power.slope = std::accumulate(slopes.begin(), slopes.end(), 0.0) / count;
  for (const double slope : slopes) {
    power.standard_error += (slope - power.slope) * (slope - power.slope);
  }
  power.standard_error = slopes.size() > 1 ? std::sqrt(power.standard_error / (count - 1.0) / count)
                                           : std::numeric_limits<double>::quiet_NaN();
  return power;
}

}  // namespace ntkflow
