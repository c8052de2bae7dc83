#include "ntkflow/regression/fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/timer.hpp>

namespace ntkflow {
namespace {

template <class Real>
void add_to_diagonal(DistMatrix<Real>& a, double value) {
  for_each_diagonal(a, [&](std::int64_t, Real& entry) {
    entry = static_cast<Real>(static_cast<double>(entry) + value);
  });
}

double largest_magnitude(const double* values, std::int64_t n) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    largest = max_or_nan(largest, std::abs(values[i]));
  }
  return largest;
}

/// Up to one significant digit: a number to be read and typed.
double round_up(double value) {
  if (!(value > 0.0) || !std::isfinite(value)) {
    return value;
  }
  const double unit = std::pow(10.0, std::floor(std::log10(value)));
  return std::ceil(value / unit) * unit;
}

template <class Real>
NotSolvable not_solvable(std::int64_t order, double norm, std::int64_t n) {
  constexpr double kEps = std::numeric_limits<Real>::epsilon();
  return {order, norm, round_up(10.0 * static_cast<double>(n) * kEps * norm)};
}

/// The first repeated sample at which the factor shows a pivot that is zero to rounding, as a
/// 1-based order.
template <class Real>
std::optional<std::int64_t> first_vanishing_pivot(const DistMatrix<Real>& factor,
                                                  double largest_diagonal,
                                                  std::span<const std::int64_t> candidates) {
  constexpr double kEps = std::numeric_limits<Real>::epsilon();
  const double threshold = static_cast<double>(factor.rows()) * kEps * largest_diagonal;
  const std::int64_t n = factor.rows();
  std::int64_t first = n;
  for (const std::int64_t j : candidates) {
    if (factor.row_map().is_mine({j}) && factor.col_map().is_mine({j})) {
      const auto pivot = static_cast<double>(factor.local()(factor.row_map().to_local({j}).value,
                                                            factor.col_map().to_local({j}).value));
      if (pivot * pivot <= threshold) {
        first = std::min(first, j);
      }
    }
  }
  first = factor.grid()->comm().min(first);
  return first < n ? std::optional(first + 1) : std::nullopt;
}

template <class Real>
double largest_diagonal_element(const DistMatrix<Real>& a) {
  double largest = 0.0;
  for_each_diagonal(a, [&](std::int64_t, const Real& entry) {
    largest = std::max(largest, static_cast<double>(entry));
  });
  return a.grid()->comm().max(largest);
}

}  // namespace

double absolute_ridge(const Ridge& ridge, double trace, std::int64_t n) {
  return ridge.scale == RidgeScale::absolute ? ridge.value
                                             : ridge.value * trace / static_cast<double>(n);
}

template <class Real>
std::variant<RegressionFit, NotSolvable> fit_regression(DistMatrix<Real> k,
                                                        const LinearOperator& exact,
                                                        const Matrix<double>& target, double ridge,
                                                        std::span<const std::int64_t> duplicate) {
  const std::int64_t n = k.rows();
  NTKFLOW_EXPECTS(target.rows() == n && exact.size() == n && ridge >= 0.0, target.rows(), n, ridge);
  const auto grid = k.grid();
  add_to_diagonal(k, ridge);
  const double largest_diagonal = largest_diagonal_element(k);

  FitSeconds seconds;
  const auto timed = [&](double& total, auto&& work) {
    const Stopwatch watch;
    work();
    total = grid->comm().max(watch.seconds());
  };
  std::optional<std::variant<CholeskyFactor<Real>, NotPositiveDefinite>> held;
  timed(seconds.factor, [&] { held.emplace(factor_cholesky(std::move(k))); });
  const auto& outcome = *held;
  if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
    return not_solvable<Real>(failure->order, failure->norm, n);
  }
  const auto& factor = std::get<CholeskyFactor<Real>>(outcome);
  if (ridge == 0.0) {
    if (const auto order = first_vanishing_pivot(factor.matrix(), largest_diagonal, duplicate)) {
      return not_solvable<Real>(*order, factor.norm(), n);
    }
  }

  RegressionFit fit;
  fit.ridge = ridge;
  fit.norm = factor.norm();
  fit.largest_diagonal = largest_diagonal;
  fit.seconds = seconds;
  fit.log_determinant = factor.log_determinant();
  fit.smallest_pivot = factor.smallest_pivot();
  timed(fit.seconds.condition, [&] { fit.reciprocal_condition = factor.reciprocal_condition(); });

  timed(fit.seconds.solve, [&] { fit.coefficients = factor.solve(target); });

  timed(fit.seconds.residual, [&] { fit.residual = exact.apply(fit.coefficients); });
  for (std::int64_t j = 0; j < target.cols(); ++j) {
    const double* y = target.column(j);
    const double* alpha = fit.coefficients.column(j);
    double* residual = fit.residual.column(j);
    double fitted = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
      residual[i] = y[i] - residual[i] - ridge * alpha[i];
      fitted += y[i] * alpha[i];
    }
    const double scale = fit.norm * largest_magnitude(alpha, n) + largest_magnitude(y, n);
    if (scale != 0.0) {
      fit.backward_error = max_or_nan(fit.backward_error, largest_magnitude(residual, n) / scale);
    }
    fit.log_marginal_likelihood -=
        0.5 *
        (fitted + fit.log_determinant + static_cast<double>(n) * std::log(2.0 * std::numbers::pi));
  }
  return fit;
}

template std::variant<RegressionFit, NotSolvable> fit_regression(DistMatrix<float>,
                                                                 const LinearOperator&,
                                                                 const Matrix<double>&, double,
                                                                 std::span<const std::int64_t>);
template std::variant<RegressionFit, NotSolvable> fit_regression(DistMatrix<double>,
                                                                 const LinearOperator&,
                                                                 const Matrix<double>&, double,
                                                                 std::span<const std::int64_t>);

}  // namespace ntkflow
