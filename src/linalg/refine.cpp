#include "ntkflow/linalg/refine.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/timer.hpp>

namespace ntkflow {
namespace {

/// Which columns still move.
using Active = std::vector<char>;

double dot(const double* x, const double* y, std::int64_t n) {
  return std::inner_product(x, x + n, y, 0.0);
}

/// y += factor x.
void add_multiple(double factor, const double* x, double* y, std::int64_t n) {
  std::transform(x, x + n, y, y, [factor](double a, double b) { return b + factor * a; });
}

double largest_magnitude(const double* values, std::int64_t n) {
  return std::accumulate(values, values + n, 0.0, [](double largest, double value) {
    return max_or_nan(largest, std::abs(value));
  });
}

double backward_error(const double* r, const double* x, const double* b, std::int64_t n,
                      double norm) {
  const double scale = norm * largest_magnitude(x, n) + largest_magnitude(b, n);
  return scale == 0.0 ? 0.0 : largest_magnitude(r, n) / scale;
}

double largest(const std::vector<double>& errors) {
  return std::accumulate(errors.begin(), errors.end(), 0.0, max_or_nan);
}

/// The inverse applied to the active columns, zero in the others. Residuals shrink by many orders
/// of magnitude: scaled by powers of two to size 1, none leaves the range of single precision.
Matrix<double> solve_active(const LinearOperator& inverse, const Matrix<double>& r,
                            const Active& active) {
  const std::int64_t n = r.rows();
  Matrix<double> scaled(n, r.cols());
  std::vector<int> exponent(active.size(), 0);
  for (std::int64_t j = 0; j < r.cols(); ++j) {
    const auto c = static_cast<std::size_t>(j);
    if (active[c] != 0) {
      const double size = largest_magnitude(r.column(j), n);
      exponent[c] = size > 0.0 && std::isfinite(size) ? std::ilogb(size) : 0;
      std::transform(r.column(j), r.column(j) + n, scaled.column(j),
                     [&](double value) { return std::ldexp(value, -exponent[c]); });
    }
  }
  Matrix<double> z = inverse.apply(scaled);
  for (std::int64_t j = 0; j < z.cols(); ++j) {
    const auto c = static_cast<std::size_t>(j);
    std::transform(z.column(j), z.column(j) + n, z.column(j), [&](double value) {
      return active[c] != 0 ? std::ldexp(value, exponent[c]) : 0.0;
    });
  }
  return z;
}

/// The conjugate gradient iteration for all columns; `best_` keeps the best iterate of each.
class Iteration {
 public:
  Iteration(const LinearOperator& a, const LinearOperator& inverse, const Matrix<double>& b,
            double norm, double tolerance)
      : a_(a),
        inverse_(inverse),
        b_(b),
        norm_(norm),
        tolerance_(tolerance),
        n_(b.rows()),
        active_(static_cast<std::size_t>(b.cols()), 1),
        error_(active_.size()),
        curvature_(active_.size()) {}

  /// X = inverse(B), R = B - A X.
  void start() {
    best_.solution = timed_solve(b_);
    best_.residual = timed_product(best_.solution);
    std::transform(b_.data(), b_.data() + b_.size(), best_.residual.data(), best_.residual.data(),
                   std::minus<>{});
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      record_error(j, best_.residual, best_.solution);
    }
    best_error_ = error_;
    best_.history.push_back(largest(error_));
  }

  /// Moves the active columns. Returns false, with nothing moved, when a search direction has no
  /// positive curvature or is not finite.
  bool step() {
    if (best_.steps == 0) {
      x_ = best_.solution.clone();
      r_ = best_.residual.clone();
      p_ = Matrix<double>(n_, b_.cols());
    }
    Matrix<double> z = timed_solve(r_);
    // The coefficient that makes the new direction A-orthogonal to the last one. In exact
    // arithmetic it is Polak and Ribiere's, since q is the change of r; what an inverse that varies
    // from step to step spoils least.
    for_active([&](std::int64_t j, std::size_t c) {
      if (best_.steps > 0) {
        const double beta = -dot(z.column(j), q_.column(j), n_) / curvature_[c];
        add_multiple(beta, p_.column(j), z.column(j), n_);
      }
    });
    p_ = std::move(z);
    q_ = timed_product(p_);
    bool sound = true;
    for_active([&](std::int64_t j, std::size_t c) {
      curvature_[c] = dot(p_.column(j), q_.column(j), n_);
      sound = sound && curvature_[c] > 0.0 && std::isfinite(curvature_[c]);
    });
    if (!sound) {
      return false;
    }
    for_active([&](std::int64_t j, std::size_t c) {
      const double alpha = dot(p_.column(j), r_.column(j), n_) / curvature_[c];
      add_multiple(alpha, p_.column(j), x_.column(j), n_);
      add_multiple(-alpha, q_.column(j), r_.column(j), n_);
      record_error(j, r_, x_);
      if (error_[c] < best_error_[c]) {
        best_error_[c] = error_[c];
        std::copy_n(x_.column(j), n_, best_.solution.column(j));
        std::copy_n(r_.column(j), n_, best_.residual.column(j));
      }
    });
    ++best_.steps;
    best_.history.push_back(largest(error_));
    return true;
  }

  /// The largest over the columns of their least errors so far.
  [[nodiscard]] double best_error() const { return largest(best_error_); }

  Refined finish(RefineOutcome outcome) {
    best_.outcome = outcome;
    // An updated residual below rounding says nothing about the solution.
    constexpr double kEps = std::numeric_limits<double>::epsilon();
    best_.backward_error = best_.steps == 0 ? best_error() : max_or_nan(kEps, best_error());
    return std::move(best_);
  }

 private:
  template <class Visit>
  void for_active(Visit&& visit) {
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      const auto c = static_cast<std::size_t>(j);
      if (active_[c] != 0) {
        visit(j, c);
      }
    }
  }

  void record_error(std::int64_t j, const Matrix<double>& r, const Matrix<double>& x) {
    const auto c = static_cast<std::size_t>(j);
    error_[c] = backward_error(r.column(j), x.column(j), b_.column(j), n_, norm_);
    active_[c] = error_[c] <= tolerance_ ? 0 : 1;
  }

  Matrix<double> timed_solve(const Matrix<double>& r) {
    const Stopwatch watch;
    Matrix<double> z = solve_active(inverse_, r, active_);
    best_.solve_seconds += watch.seconds();
    return z;
  }

  Matrix<double> timed_product(const Matrix<double>& x) {
    const Stopwatch watch;
    Matrix<double> product = a_.apply(x);
    best_.product_seconds += watch.seconds();
    return product;
  }

  const LinearOperator& a_;
  const LinearOperator& inverse_;
  const Matrix<double>& b_;
  double norm_;
  double tolerance_;
  std::int64_t n_;
  Active active_;
  std::vector<double> error_;       // of x_, column by column
  std::vector<double> best_error_;  // of best_.solution
  std::vector<double> curvature_;   // p^T A p
  Matrix<double> x_, r_, p_, q_;    // iterate, residual, direction, A direction
  Refined best_;
};

bool makes_no_progress(const std::vector<double>& best) {
  constexpr std::size_t kPatience = 3;
  return best.size() > kPatience && best.back() > 0.5 * best[best.size() - 1 - kPatience];
}

/// The digits gained of those wanted, in hundredths.
void report_progress(const std::vector<double>& best, double tolerance, Monitor& monitor) {
  const double wanted = std::log10(best.front() / tolerance);
  const double gained = std::min(std::log10(best.front() / best.back()), wanted);
  monitor.progress(std::lround(100.0 * gained), std::lround(100.0 * wanted));
}

}  // namespace

Refined refine(const LinearOperator& a, const LinearOperator& inverse, const Matrix<double>& b,
               double norm, const RefineOptions& options, Monitor& monitor) {
  NTKFLOW_EXPECTS(a.size() == b.rows() && inverse.size() == b.rows(), a.size(), inverse.size(),
                  b.rows());
  NTKFLOW_EXPECTS(options.tolerance >= 0.0 && options.max_steps >= 0, options.tolerance,
                  options.max_steps);
  if (b.size() == 0) {
    Refined nothing;
    nothing.solution = b.clone();
    nothing.residual = b.clone();
    nothing.history = {0.0};
    return nothing;
  }
  const double tolerance = options.tolerance > 0.0 ? options.tolerance
                                                   : std::sqrt(static_cast<double>(b.rows())) *
                                                         std::numeric_limits<double>::epsilon();
  Iteration iteration(a, inverse, b, norm, tolerance);
  iteration.start();
  if (options.max_steps == 0) {
    return iteration.finish(RefineOutcome::converged);
  }
  // All ranks hold the same numbers, since they hold the same products: they decide alike.
  std::vector<double> best{iteration.best_error()};
  while (!(best.back() <= tolerance)) {
    const bool hopeful = std::isfinite(best.back()) &&
                         best.size() <= static_cast<std::size_t>(options.max_steps) &&
                         !makes_no_progress(best);
    if (!hopeful || !iteration.step()) {
      return iteration.finish(RefineOutcome::stalled);
    }
    best.push_back(iteration.best_error());
    report_progress(best, tolerance, monitor);
  }
  return iteration.finish(RefineOutcome::converged);
}

}  // namespace ntkflow
