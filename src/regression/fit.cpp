#include "ntkflow/regression/fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <utility>

#include <ntkflow/base/timer.hpp>

namespace ntkflow {
namespace {

template <class Real>
void add_to_diagonal(DistMatrix<Real>& a, double value) {
  for_each_diagonal(a, [&](std::int64_t, Real& entry) {
    entry = static_cast<Real>(static_cast<double>(entry) + value);
  });
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
NotSolvable not_solvable(std::int64_t order, double norm, std::int64_t n, double factor_seconds) {
  constexpr double kEps = std::numeric_limits<Real>::epsilon();
  return {order, norm, round_up(10.0 * static_cast<double>(n) * kEps * norm), kEps, factor_seconds};
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

/// log p(y) of each output under y ~ N(0, A), summed. Rasmussen, Williams (2006), equation 2.30.
double log_marginal_likelihood(const Matrix<double>& y, const Matrix<double>& alpha,
                               double log_determinant) {
  const double fitted = std::inner_product(y.data(), y.data() + y.size(), alpha.data(), 0.0);
  const double constant =
      log_determinant + static_cast<double>(y.rows()) * std::log(2.0 * std::numbers::pi);
  return -0.5 * (fitted + static_cast<double>(y.cols()) * constant);
}

}  // namespace

double absolute_ridge(const Ridge& ridge, double trace, std::int64_t n) {
  return ridge.scale == RidgeScale::absolute ? ridge.value
                                             : ridge.value * trace / static_cast<double>(n);
}

template <class Real>
std::variant<Regression<Real>, NotSolvable> fit_regression(
    DistMatrix<Real> k, const LinearOperator& exact, const Matrix<double>& target, double ridge,
    std::span<const std::int64_t> duplicate, const FitOptions& options, Monitor& monitor) {
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
  std::optional<std::variant<CholeskyFactor<Real>, NotPositiveDefinite>> outcome;
  timed(seconds.factor,
        [&] { outcome.emplace(factor_cholesky(std::move(k), options.factorization, monitor)); });
  if (const auto* failure = std::get_if<NotPositiveDefinite>(&*outcome)) {
    return not_solvable<Real>(failure->order, failure->norm, n, seconds.factor);
  }
  auto& factor = std::get<CholeskyFactor<Real>>(*outcome);
  if (ridge == 0.0) {
    if (const auto order = first_vanishing_pivot(factor.matrix(), largest_diagonal, duplicate)) {
      return not_solvable<Real>(*order, factor.norm(), n, seconds.factor);
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

  Refined refined =
      refine(grid->comm(), ShiftedOperator(exact, ridge), CholeskyInverse<Real>(factor), target,
             fit.norm, options.refinement, monitor);
  fit.coefficients = std::move(refined.solution);
  fit.residual = std::move(refined.residual);
  fit.backward_error = refined.backward_error;
  fit.refinement = refined.outcome;
  fit.refinement_steps = refined.steps;
  fit.refinement_history = std::move(refined.history);
  fit.seconds.solve = grid->comm().max(refined.solve_seconds);
  fit.seconds.residual = grid->comm().max(refined.product_seconds);
  fit.log_marginal_likelihood =
      log_marginal_likelihood(target, fit.coefficients, fit.log_determinant);
  return Regression<Real>{std::move(fit), std::move(factor)};
}

template std::variant<Regression<float>, NotSolvable> fit_regression(DistMatrix<float>,
                                                                     const LinearOperator&,
                                                                     const Matrix<double>&, double,
                                                                     std::span<const std::int64_t>,
                                                                     const FitOptions&, Monitor&);
template std::variant<Regression<double>, NotSolvable> fit_regression(DistMatrix<double>,
                                                                      const LinearOperator&,
                                                                      const Matrix<double>&, double,
                                                                      std::span<const std::int64_t>,
                                                                      const FitOptions&, Monitor&);

}  // namespace ntkflow
