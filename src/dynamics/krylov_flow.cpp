#include "ntkflow/dynamics/krylov_flow.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

#include "krylov_estimate.hpp"

namespace ntkflow {
namespace {

// Blocks of each chain that a flow may use. MNIST needs 18 and 22 with an inverse, 50 and 64
// without (N = 2,000 and 4,000, tolerance 1e-10).
constexpr std::int64_t kMostBlocks = 60;
constexpr std::int64_t kMostPolynomialBlocks = 200;
// Changes of fewer blocks say nothing about those to come.
constexpr int kLeastBlocks = 4;
// Times whose error is estimated; the others get the larger estimate of their neighbours.
constexpr std::size_t kSampledTimes = 32;
// Times whose vectors are held at once while errors are estimated.
constexpr std::size_t kTimesPerBatch = 8;
// Relative change of the largest Ritz value below which it counts as lambda_max. It converges twice
// as fast as its vector, so that its error is far smaller.
constexpr double kTopChange = 1e-13;

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// Streams of random numbers.
constexpr std::uint64_t kProbeStream = 0x6b72796c;
constexpr std::uint64_t kMixStream = 0x6e6f6973;

/// The start of the space: r, and one vector of positive numbers, which meets the first eigenvector
/// of a kernel with positive values, and any other one almost surely.
Matrix<double> start_columns(const Matrix<double>& residual) {
  Matrix<double> start(residual.rows(), residual.cols() + 1);
  std::copy_n(residual.data(), residual.size(), start.data());
  const RandomStream stream(0, kProbeStream);
  for (std::int64_t i = 0; i < start.rows(); ++i) {
    start.column(residual.cols())[i] = stream.uniform(static_cast<std::uint64_t>(i));
  }
  return start;
}

/// A^-1 times the start: the inverse is applied to the columns that the closed form does not hold.
Matrix<double> solved_columns(const Communicator& comm, const LinearOperator& inverse,
                              const Matrix<double>& start, const Matrix<double>* closed_form) {
  if (closed_form == nullptr) {
    return inverse.apply(start);
  }
  const std::int64_t n = start.rows();
  NTKFLOW_EXPECTS(closed_form->rows() == n && closed_form->cols() == start.cols() - 1,
                  closed_form->rows(), closed_form->cols(), start.cols());
  Matrix<double> probe;
  Matrix<double> solved;
  collectively(comm, [&] {
    probe = Matrix<double>(n, 1);
    solved = Matrix<double>(n, start.cols());
    std::copy_n(start.column(start.cols() - 1), n, probe.data());
    std::copy_n(closed_form->data(), closed_form->size(), solved.data());
  });
  const Matrix<double> last = inverse.apply(probe);
  std::copy_n(last.data(), n, solved.column(start.cols() - 1));
  return solved;
}

double largest_magnitude(const Matrix<double>& a, std::int64_t begin_col, std::int64_t cols) {
  double largest = 0.0;
  const double* values = a.data() + begin_col * a.rows();
  for (std::int64_t i = 0; i < cols * a.rows(); ++i) {
    largest = max_or_nan(largest, std::abs(values[i]));
  }
  return largest;
}

std::vector<double> absolute_times(const DynamicsOptions& options, double lambda_max) {
  std::vector<double> times = options.times;
  if (options.time_unit == TimeUnit::inverse_lambda_max) {
    for (double& t : times) {
      t = t == 0.0 ? 0.0 : t / lambda_max;
    }
  }
  return times;
}

std::vector<double> select(const std::vector<double>& values,
                           const std::vector<std::size_t>& positions) {
  std::vector<double> selected;
  for (const std::size_t position : positions) {
    selected.push_back(values[position]);
  }
  return selected;
}

double column_length(const Matrix<double>& a, std::int64_t column) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    sum += a.column(column)[i] * a.column(column)[i];
  }
  return std::sqrt(sum);
}

}  // namespace

std::int64_t krylov_most_columns(std::int64_t n, std::int64_t outputs, bool has_inverse) {
  return std::min(
      n, has_inverse ? 2 * kMostBlocks * (outputs + 1) : kMostPolynomialBlocks * (outputs + 1));
}

/// Measures what a space leaves out, while it grows and when it is done. All members collective
/// over the flow's communicator.
struct KrylovFlow::Estimator {
  const KrylovFlow& flow;

  /// (A Q) Y + beta Q Z of this rank's rows.
  [[nodiscard]] Matrix<double> local_rows(const Matrix<double>& y, double beta,
                                          const Matrix<double>& z) const {
    const BlockKrylov& space = *flow.space_;
    Matrix<double> rows;
    collectively(*flow.comm_, [&] { rows = Matrix<double>(space.rows().size(), y.cols()); });
    multiply<double>(Transpose::no, Transpose::no, 1.0, space.image(), y.view(), 0.0, rows.view());
    if (beta != 0.0) {
      multiply<double>(Transpose::no, Transpose::no, beta, space.basis(), z.view(), 1.0,
                       rows.view());
    }
    return rows;
  }

  /// max |K (A_t - A_t of the space before)| over the training set, for each time.
  [[nodiscard]] std::vector<double> change(const Projected& before,
                                           std::span<const double> times) const {
    std::vector<double> largest(times.size(), 0.0);
    for (std::size_t begin = 0; begin < times.size(); begin += kTimesPerBatch) {
      const auto batch = times.subspan(begin, std::min(kTimesPerBatch, times.size() - begin));
      Matrix<double> step = flow.coordinates(flow.projected_, batch);
      const Matrix<double> old = flow.coordinates(before, batch);
      for (std::int64_t j = 0; j < step.cols(); ++j) {
        for (std::int64_t i = 0; i < old.rows(); ++i) {
          step.column(j)[i] -= old.column(j)[i];
        }
      }
      const Matrix<double> rows = local_rows(step, -flow.ridge_, step);
      for (std::size_t k = 0; k < batch.size(); ++k) {
        largest[begin + k] =
            largest_magnitude(rows, static_cast<std::int64_t>(k) * flow.outputs_, flow.outputs_);
      }
    }
    flow.comm_->max(largest);
    return largest;
  }

  /// |(A Q - Q H) Q^T A_t|_2 for each time and output, [C x T]: what is missing in
  /// A A_t + exp(-t A/N) r = r when both terms come from the space.
  [[nodiscard]] Matrix<double> defect(std::span<const double> times) const {
    const auto count = static_cast<std::int64_t>(times.size());
    Matrix<double> squares(flow.outputs_, count);
    for (std::size_t begin = 0; begin < times.size(); begin += kTimesPerBatch) {
      const auto batch = times.subspan(begin, std::min(kTimesPerBatch, times.size() - begin));
      const Matrix<double> y = flow.coordinates(flow.projected_, batch);
      Matrix<double> projected(y.rows(), y.cols());
      multiply<double>(Transpose::no, Transpose::no, 1.0, flow.space_->projection(), y.view(), 0.0,
                       projected.view());
      const Matrix<double> rows = local_rows(y, -1.0, projected);
      for (std::int64_t j = 0; j < rows.cols(); ++j) {
        const double length = column_length(rows, j);
        squares.data()[static_cast<std::int64_t>(begin) * flow.outputs_ + j] = length * length;
      }
    }
    flow.comm_->sum(std::span(squares.data(), static_cast<std::size_t>(squares.size())));
    for (std::int64_t i = 0; i < squares.size(); ++i) {
      squares.data()[i] = std::sqrt(squares.data()[i]);
    }
    return squares;
  }

  [[nodiscard]] std::vector<FlowScale> scales(std::span<const double> times, double trace) const {
    std::vector<FlowScale> result;
    const auto n = flow.n_;
    const double shifted_trace = trace + flow.ridge_ * static_cast<double>(n);
    for (std::size_t k = 0; k < times.size(); ++k) {
      const Matrix<double> y = flow.coordinates(flow.projected_, times.subspan(k, 1));
      FlowScale scale;
      for (std::int64_t j = 0; j < y.cols(); ++j) {
        scale.norm = std::max(scale.norm, column_length(y, j));
      }
      scale.transmission =
          white_transmission(flow.projected_.eigen.values, shifted_trace, times[k], n);
      result.push_back(scale);
    }
    return result;
  }

  /// What one product with the exact K tells.
  struct Measured {
    std::vector<double> product_error;  ///< max |E A_t z| for each time, for |A_t z| = scale.norm
    double top = 0.0;                   ///< largest eigenvalue of K
  };
  /// z is a random mix of the outputs. The last column is the first Ritz vector: its Rayleigh
  /// quotient has the square of its error.
  [[nodiscard]] Measured compare(const LinearOperator& exact, std::span<const double> times,
                                 std::span<const FlowScale> scales) const {
    const auto count = static_cast<std::int64_t>(times.size());
    const std::int64_t m = flow.space_->dimension();
    const RandomStream stream(0, kMixStream);
    Matrix<double> y(m, count + 1);
    for (std::int64_t k = 0; k < count; ++k) {
      const Matrix<double> outputs =
          flow.coordinates(flow.projected_, times.subspan(static_cast<std::size_t>(k), 1));
      for (std::int64_t j = 0; j < outputs.cols(); ++j) {
        const double weight = stream.normal(static_cast<std::uint64_t>(j));
        for (std::int64_t i = 0; i < m; ++i) {
          y.column(k)[i] += weight * outputs.column(j)[i];
        }
      }
      if (const double length = column_length(y, k); length > 0.0) {
        const double factor = scales[static_cast<std::size_t>(k)].norm / length;
        std::transform(y.column(k), y.column(k) + m, y.column(k),
                       [factor](double value) { return factor * value; });
      }
    }
    std::copy_n(flow.projected_.eigen.vectors.column(m - 1), m, y.column(count));

    const Matrix<double> x = flow.space_->combine(y);
    const Matrix<double> product = exact.apply(x);
    const Matrix<double> used = local_rows(y, -flow.ridge_, y);
    const Share rows = flow.space_->rows();
    Measured measured{std::vector<double>(times.size(), 0.0), 0.0};
    std::array<double, 2> quotient{0.0, 0.0};
    for (std::int64_t i = 0; i < rows.size(); ++i) {
      const std::int64_t row = rows.begin + i;
      for (std::int64_t k = 0; k < count; ++k) {
        double& largest = measured.product_error[static_cast<std::size_t>(k)];
        largest = max_or_nan(largest, std::abs(product.column(k)[row] - used.column(k)[i]));
      }
      quotient[0] += x.column(count)[row] * product.column(count)[row];
      quotient[1] += x.column(count)[row] * x.column(count)[row];
    }
    flow.comm_->max(measured.product_error);
    flow.comm_->sum(quotient);
    measured.top = quotient[0] / quotient[1];
    return measured;
  }
};

KrylovFlow::KrylovFlow(const Communicator& comm, const KrylovOperators& operators,
                       const Matrix<double>& residual, const Matrix<double>* closed_form,
                       double ridge, const DynamicsOptions& options, Monitor& monitor)
    : comm_(&comm),
      n_(residual.rows()),
      outputs_(residual.cols()),
      ridge_(ridge),
      shifted_(*operators.products, ridge) {
  const bool has_inverse = operators.inverse != nullptr;
  const std::int64_t most = krylov_most_columns(n_, outputs_, has_inverse);
  Matrix<double> start;
  collectively(comm, [&] { start = start_columns(residual); });
  Matrix<double> solved;
  if (has_inverse) {
    const Stopwatch watch;
    solved = solved_columns(comm, *operators.inverse, start, closed_form);
    report_.solve_seconds += watch.seconds();
    ++report_.solves;
  }
  space_.emplace(comm, shifted_, operators.inverse, start, solved, most);

  // By sampled time, the last changes of K A_t over the training set, newest last.
  const std::vector<std::size_t> samples = sample_times(options.times, kSampledTimes);
  std::vector<std::array<double, 3>> changes(samples.size(), {0.0, 0.0, 0.0});
  const double tolerance = options.tolerance * largest_magnitude(residual, 0, outputs_);
  const Estimator estimator{*this};
  Projected before;
  double top_before = 0.0;
  int blocks = 0;
  bool enough = false;
  for (bool more = true; more;) {
    projected_ = project();
    const Stopwatch watch;
    const double top = projected_.eigen.values.back() - ridge_;
    times_ = absolute_times(options, top / static_cast<double>(n_));
    const std::vector<double> sampled = select(times_, samples);
    const std::vector<double> newest = estimator.change(before, sampled);
    const std::vector<FlowScale> scales = estimator.scales(sampled, operators.trace);
    enough = ++blocks >= kLeastBlocks && top - top_before <= kTopChange * top;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      changes[k] = {changes[k][1], changes[k][2], newest[k]};
      const double hidden = expected_product_error(scales[k], operators.roundoff, top, n_) +
                            rounding_error(scales[k], top, n_);
      enough = enough && (space_error(changes[k], kUnbounded) <= tolerance ||
                          std::min(newest[k], remaining_change(changes[k])) <= hidden);
    }
    report_.estimate_seconds += watch.seconds();
    monitor.progress(space_->dimension(), most);
    if (comm.max(std::int64_t{monitor.stop_requested() ? 1 : 0}) > 0) {
      throw InterruptedError("stopped while the Krylov space of gradient flow grew");
    }
    more = !enough && space_->extend();
    if (more) {
      before = std::move(projected_);
      top_before = top;
    }
  }
  report_.converged = enough || space_->exhausted();

  const Stopwatch watch;
  double top = projected_.eigen.values.back() - ridge_;
  std::vector<double> sampled = select(times_, samples);
  const std::vector<FlowScale> scales = estimator.scales(sampled, operators.trace);
  const Matrix<double> defects = estimator.defect(sampled);
  std::vector<double> errors(samples.size(), 0.0);
  if (operators.exact != nullptr) {
    const Estimator::Measured measured = estimator.compare(*operators.exact, sampled, scales);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      errors[k] = measured_product_error(scales[k], measured.product_error[k]);
    }
    ++report_.exact_products;
    top = measured.top;
    times_ = absolute_times(options, top / static_cast<double>(n_));
  } else {
    for (std::size_t k = 0; k < samples.size(); ++k) {
      errors[k] = expected_product_error(scales[k], operators.roundoff, top, n_);
    }
  }
  lambda_max_ = top / static_cast<double>(n_);
  double defect = 0.0;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    for (std::int64_t j = 0; j < outputs_; ++j) {
      const double here = defects(j, static_cast<std::int64_t>(k));
      defect = std::max(defect, here);
      const double length = column_length(residual, j);
      if (length > 0.0) {
        report_.identity_error = std::max(report_.identity_error, here / length);
      }
    }
    errors[k] += space_error(changes[k], defect) + rounding_error(scales[k], top, n_);
  }
  error_estimate_ = spread_samples(times_, samples, errors);

  report_.products = space_->products();
  report_.solves += space_->solves();
  report_.dimension = space_->dimension();
  report_.product_seconds = comm.max(space_->product_seconds());
  report_.solve_seconds = comm.max(report_.solve_seconds + space_->solve_seconds());
  report_.orthogonalisation_seconds = comm.max(space_->orthogonalisation_seconds());
  report_.estimate_seconds = comm.max(report_.estimate_seconds + watch.seconds());
}

KrylovFlow::Projected KrylovFlow::project() const {
  Projected projected;
  collectively(*comm_, [&] {
    const std::int64_t m = space_->dimension();
    projected.eigen = diagonalise_local(space_->projection());
    projected.modes = Matrix<double>(m, outputs_);
    multiply<double>(Transpose::yes, Transpose::no, 1.0, projected.eigen.vectors.view(),
                     space_->start_coordinates().block(0, 0, m, outputs_), 0.0,
                     projected.modes.view());
  });
  return projected;
}

Matrix<double> KrylovFlow::coordinates(const Projected& projected,
                                       std::span<const double> times) const {
  const std::vector<double>& ritz = projected.eigen.values;
  const std::int64_t m = std::ssize(ritz);
  Matrix<double> weighted(m, std::ssize(times) * outputs_);
  Matrix<double> result(m, weighted.cols());
  if (m == 0) {
    return result;
  }
  const double null =
      static_cast<double>(n_) * std::numeric_limits<double>::epsilon() * ritz.back();
  for (std::int64_t i = 0; i < m; ++i) {
    const double lambda = ritz[static_cast<std::size_t>(i)];
    for (std::int64_t k = 0; lambda > null && k < std::ssize(times); ++k) {
      const double weight = flow_filter(lambda, times[static_cast<std::size_t>(k)], n_);
      for (std::int64_t j = 0; j < outputs_; ++j) {
        weighted.column(k * outputs_ + j)[i] = weight * projected.modes.column(j)[i];
      }
    }
  }
  multiply<double>(Transpose::no, Transpose::no, 1.0, projected.eigen.vectors.view(),
                   weighted.view(), 0.0, result.view());
  return result;
}

Matrix<double> KrylovFlow::coefficients(std::span<const double> times) const {
  return space_->combine(coordinates(projected_, times));
}

Matrix<double> KrylovFlow::train_increment(std::span<const double> times) const {
  const Matrix<double> y = coordinates(projected_, times);
  Matrix<double> increment = space_->combine_image(y);
  if (ridge_ != 0.0) {
    const Matrix<double> a = space_->combine(y);
    std::transform(increment.data(), increment.data() + increment.size(), a.data(),
                   increment.data(),
                   [this](double sum, double value) { return sum - ridge_ * value; });
  }
  return increment;
}

}  // namespace ntkflow
