#include "ntkflow/linalg/refine.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>

namespace ntkflow {
namespace {

double dot(const double* x, const double* y, std::int64_t n) {
  return std::inner_product(x, x + n, y, 0.0);
}

/// y += factor x.
void add_multiple(double factor, const double* x, double* y, std::int64_t n) {
  std::transform(x, x + n, y, y, [factor](double a, double b) { return b + factor * a; });
}

double backward_error(const double* r, const double* x, const double* b, std::int64_t n,
                      double norm) {
  const double scale = norm * largest_magnitude(x, n) + largest_magnitude(b, n);
  return scale == 0.0 ? 0.0 : largest_magnitude(r, n) / scale;
}

double largest(const std::vector<double>& errors) {
  return std::accumulate(errors.begin(), errors.end(), 0.0, max_or_nan);
}

/// The power of two that a column is divided by for a largest magnitude in [1, 2); 0 where there is
/// none.
int size_exponent(const double* column, std::int64_t n) {
  const double size = largest_magnitude(column, n);
  return size > 0.0 && std::isfinite(size) ? std::ilogb(size) : 0;
}

/// to = 2^exponent from.
void scale(const double* from, int exponent, double* to, std::int64_t n) {
  std::transform(from, from + n, to,
                 [exponent](double value) { return std::ldexp(value, exponent); });
}

/// The conjugate gradient iteration for all columns, those of B scaled by powers of two to size 1,
/// so that no product of two of their numbers leaves the range of double. `best_` keeps the best
/// iterate of each column.
class Iteration {
 public:
  Iteration(const Communicator& comm, const LinearOperator& a, const LinearOperator& inverse,
            const Matrix<double>& b, double norm, double tolerance)
      : comm_(comm), a_(a), inverse_(inverse), norm_(norm), tolerance_(tolerance), n_(b.rows()) {
    collectively(comm_, [&] {
      const auto columns = static_cast<std::size_t>(b.cols());
      b_ = Matrix<double>(n_, b.cols());
      scaled_ = Matrix<double>(n_, b.cols());
      active_.assign(columns, 1);
      for (auto* numbers : {&error_, &best_error_, &peak_, &curvature_}) {
        numbers->assign(columns, 0.0);
      }
      for (std::int64_t j = 0; j < b.cols(); ++j) {
        exponent_.push_back(size_exponent(b.column(j), n_));
        scale(b.column(j), -exponent_.back(), b_.column(j), n_);
      }
    });
  }

  /// X = inverse(B), R = B - A X.
  void start() {
    best_.solution = timed_solve(b_);
    update_best_residual();
    for_active([&](std::int64_t j, std::size_t c) {
      record_error(j, best_.residual, best_.solution);
      best_error_[c] = error_[c];
    });
    best_.history.push_back(largest(error_));
  }

  /// Moves the active columns, but for those whose search direction has no positive curvature or is
  /// not finite: they are given up. Returns whether any has moved.
  bool step() {
    const bool is_first = !has_direction_;
    if (is_first) {
      collectively(comm_, [&] {
        x_ = best_.solution.clone();
        r_ = best_.residual.clone();
      });
      has_direction_ = true;
    }
    Matrix<double> z = timed_solve(r_);
    // The coefficient that makes the new direction A-orthogonal to the last one. In exact
    // arithmetic it is Polak and Ribiere's, since q is the change of r; what an inverse that varies
    // from step to step spoils least.
    for_active([&](std::int64_t j, std::size_t c) {
      if (!is_first) {
        const double beta = -dot(z.column(j), q_.column(j), n_) / curvature_[c];
        add_multiple(beta, p_.column(j), z.column(j), n_);
      }
    });
    p_ = std::move(z);
    q_ = timed_product(p_);
    for_active([&](std::int64_t j, std::size_t c) {
      curvature_[c] = dot(p_.column(j), q_.column(j), n_);
      active_[c] = curvature_[c] > 0.0 && std::isfinite(curvature_[c]) ? 1 : 0;
    });
    if (!is_moving()) {
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

  /// Whether a column came by iterates so large that their rounding may part the updated residual
  /// from B - A X.
  [[nodiscard]] bool needs_confirmation() const {
    bool needs = false;
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      needs = needs || peak_[static_cast<std::size_t>(j)] >
                           kLargestPeak * largest_magnitude(best_.solution.column(j), n_);
    }
    return needs;
  }

  /// R = B - A X for the best X. Columns that had reached the tolerance and now have not start
  /// again from there.
  void confirm() {
    update_best_residual();
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      const auto c = static_cast<std::size_t>(j);
      const bool is_given_up = active_[c] == 0 && !(best_error_[c] <= tolerance_);
      peak_[c] = 0.0;
      record_error(j, best_.residual, best_.solution);
      best_error_[c] = error_[c];
      active_[c] = is_given_up ? 0 : active_[c];
    }
    best_.history.back() = largest(error_);
    has_direction_ = false;
  }

  [[nodiscard]] bool is_moving() const {
    return std::any_of(active_.begin(), active_.end(), [](char active) { return active != 0; });
  }

  /// The largest over the active columns of their least errors so far; the tolerance if none is.
  [[nodiscard]] double moving_error() const {
    double worst = tolerance_;
    for (std::size_t c = 0; c < active_.size(); ++c) {
      worst = active_[c] != 0 ? max_or_nan(worst, best_error_[c]) : worst;
    }
    return worst;
  }

  [[nodiscard]] std::int64_t steps() const { return best_.steps; }

  /// The result. `is_wanted`: whether missing the tolerance counts as a stall.
  Refined finish(bool is_wanted) {
    const double error = largest(best_error_);
    best_.outcome =
        error <= tolerance_ || !is_wanted ? RefineOutcome::converged : RefineOutcome::stalled;
    // An updated residual below rounding says nothing about the solution.
    constexpr double kEps = std::numeric_limits<double>::epsilon();
    best_.backward_error = best_.steps == 0 ? error : max_or_nan(kEps, error);
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      const int exponent = exponent_[static_cast<std::size_t>(j)];
      scale(best_.solution.column(j), exponent, best_.solution.column(j), n_);
      scale(best_.residual.column(j), exponent, best_.residual.column(j), n_);
    }
    return std::move(best_);
  }

 private:
  /// An iterate so many times as large as the solution asks for a product that confirms it.
  static constexpr double kLargestPeak = 2.0;

  template <class Visit>
  void for_active(Visit&& visit) {
    for (std::int64_t j = 0; j < b_.cols(); ++j) {
      const auto c = static_cast<std::size_t>(j);
      if (active_[c] != 0) {
        visit(j, c);
      }
    }
  }

  /// A column moves on until it reaches the tolerance or has an error that is not finite.
  void record_error(std::int64_t j, const Matrix<double>& r, const Matrix<double>& x) {
    const auto c = static_cast<std::size_t>(j);
    error_[c] = backward_error(r.column(j), x.column(j), b_.column(j), n_, norm_);
    active_[c] = error_[c] > tolerance_ && std::isfinite(error_[c]) ? 1 : 0;
    if (std::isfinite(error_[c])) {
      peak_[c] = std::max(peak_[c], largest_magnitude(x.column(j), n_));
    }
  }

  void update_best_residual() {
    best_.residual = timed_product(best_.solution);
    std::transform(b_.data(), b_.data() + b_.size(), best_.residual.data(), best_.residual.data(),
                   std::minus<>{});
  }

  /// The inverse applied to the active columns, zero in the others. Residuals shrink by many orders
  /// of magnitude: scaled by powers of two to size 1, none leaves the range of single precision.
  Matrix<double> timed_solve(const Matrix<double>& r) {
    const Stopwatch watch;
    std::fill_n(scaled_.data(), scaled_.size(), 0.0);
    for_active([&](std::int64_t j, std::size_t) {
      scale(r.column(j), -size_exponent(r.column(j), n_), scaled_.column(j), n_);
    });
    Matrix<double> z = inverse_.apply(scaled_);
    for (std::int64_t j = 0; j < z.cols(); ++j) {
      if (active_[static_cast<std::size_t>(j)] != 0) {
        scale(z.column(j), size_exponent(r.column(j), n_), z.column(j), n_);
      } else {
        std::fill_n(z.column(j), n_, 0.0);
      }
    }
    best_.solve_seconds += watch.seconds();
    return z;
  }

  Matrix<double> timed_product(const Matrix<double>& x) {
    const Stopwatch watch;
    Matrix<double> product = a_.apply(x);
    best_.product_seconds += watch.seconds();
    return product;
  }

  const Communicator& comm_;
  const LinearOperator& a_;
  const LinearOperator& inverse_;
  double norm_;
  double tolerance_;
  std::int64_t n_;
  Matrix<double> b_;                // scaled
  Matrix<double> scaled_;           // residuals, as the inverse is given them
  std::vector<int> exponent_;       // b_ is 2^-exponent B
  std::vector<char> active_;        // which columns still move
  std::vector<double> error_;       // of x_, column by column
  std::vector<double> best_error_;  // of best_.solution
  std::vector<double> peak_;        // largest |x|_inf since the residual was last a product's
  std::vector<double> curvature_;   // p^T A p
  bool has_direction_ = false;      // whether p_ and q_ belong to x_
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

void stop_if_requested(const Communicator& comm, const Monitor& monitor, std::int64_t steps) {
  if (comm.max(std::int64_t{monitor.stop_requested() ? 1 : 0}) > 0) {
    throw InterruptedError("the refinement of the solution was stopped on request after " +
                           std::to_string(steps) + (steps == 1 ? " step" : " steps"));
  }
}

/// Steps until no column moves, or until it is of no use. Returns whether the steps left are of
/// use.
bool iterate(Iteration& iteration, const Communicator& comm, const RefineOptions& options,
             double tolerance, Monitor& monitor) {
  std::vector<double> best{iteration.moving_error()};
  while (iteration.is_moving()) {
    stop_if_requested(comm, monitor, iteration.steps());
    if (iteration.steps() >= options.max_steps || makes_no_progress(best) || !iteration.step()) {
      return false;
    }
    best.push_back(iteration.moving_error());
    report_progress(best, tolerance, monitor);
  }
  return true;
}

}  // namespace

Refined refine(const Communicator& comm, const LinearOperator& a, const LinearOperator& inverse,
               const Matrix<double>& b, double norm, const RefineOptions& options,
               Monitor& monitor) {
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
  Iteration iteration(comm, a, inverse, b, norm, tolerance);
  iteration.start();
  if (options.max_steps == 0) {
    return iteration.finish(false);
  }
  // All ranks hold the same numbers, since they hold the same products: they decide alike.
  bool go_on = true;
  while (go_on) {
    go_on = iterate(iteration, comm, options, tolerance, monitor);
    if (iteration.needs_confirmation()) {
      iteration.confirm();
    }
    go_on = go_on && iteration.is_moving();
  }
  return iteration.finish(true);
}

}  // namespace ntkflow
