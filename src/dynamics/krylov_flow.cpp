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

// What the space may leave out at any time, of the largest error that no space can mend.
constexpr double kUnseenShare = 0.1;

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

[[noreturn]] void refuse_not_finite() {
  throw NumericalError(
      "training in a Krylov space gave values that are not finite; check the inputs, or add "
      "ridge");
}

/// The largest of each value over the ranks. Throws NumericalError on all ranks when one is not
/// finite: MPI's maximum may drop a NaN. Collective over comm.
void max_of_finite(const Communicator& comm, std::span<double> values) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  if (!comm.agree(finite).ok) {
    refuse_not_finite();
  }
  comm.max(values);
}

std::vector<double> select(const std::vector<double>& values,
                           const std::vector<std::size_t>& positions) {
  std::vector<double> selected;
  for (const std::size_t position : positions) {
    selected.push_back(values[position]);
  }
  return selected;
}

}  // namespace

std::int64_t krylov_most_columns(std::int64_t n, std::int64_t outputs, bool has_inverse) {
  const std::int64_t blocks = has_inverse ? 2 * kMostBlocks : kMostPolynomialBlocks;
  return std::min({n, blocks * (outputs + 1), kMostLocalOrder});
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
        largest[begin + k] = largest_magnitude(
            rows.column(static_cast<std::int64_t>(k) * flow.outputs_), flow.outputs_ * rows.rows());
      }
    }
    max_of_finite(*flow.comm_, largest);
    return largest;
  }

  /// |(A Q - Q H) Q^T A_t|_2 for each time and output, [C x T]: what is missing in
  /// A A_t + p_t(A) r = r when both terms come from the space. The same on all ranks.
  [[nodiscard]] Matrix<double> defect(std::span<const double> times) const {
    const auto count = static_cast<std::int64_t>(times.size());
    Matrix<double> squares;
    collectively(*flow.comm_, [&] { squares = Matrix<double>(flow.outputs_, count); });
    for (std::size_t begin = 0; begin < times.size(); begin += kTimesPerBatch) {
      const auto batch = times.subspan(begin, std::min(kTimesPerBatch, times.size() - begin));
      const Matrix<double> y = flow.coordinates(flow.projected_, batch);
      Matrix<double> projected;
      collectively(*flow.comm_, [&] { projected = Matrix<double>(y.rows(), y.cols()); });
      multiply<double>(Transpose::no, Transpose::no, 1.0, flow.space_->projection(), y.view(), 0.0,
                       projected.view());
      const Matrix<double> rows = local_rows(y, -1.0, projected);
      for (std::int64_t j = 0; j < rows.cols(); ++j) {
        const double length = euclidean_norm(rows.column(j), rows.rows());
        squares.data()[static_cast<std::int64_t>(begin) * flow.outputs_ + j] = length * length;
      }
    }
    const std::span values(squares.data(), static_cast<std::size_t>(squares.size()));
    flow.comm_->sum(values);
    max_of_finite(*flow.comm_, values);
    for (double& value : values) {
      value = std::sqrt(value);
    }
    return squares;
  }

  /// At ascending points, the same on all ranks.
  [[nodiscard]] std::vector<FlowScale> scales(std::span<const double> times, double trace) const {
    std::vector<double> norms(times.size(), 0.0);
    const auto n = flow.n_;
    const double shifted_trace = trace + flow.ridge_ * static_cast<double>(n);
    for (std::size_t k = 0; k < times.size(); ++k) {
      const Matrix<double> y = flow.coordinates(flow.projected_, times.subspan(k, 1));
      for (std::int64_t j = 0; j < y.cols(); ++j) {
        norms[k] = max_or_nan(norms[k], euclidean_norm(y.column(j), y.rows()));
      }
    }
    max_of_finite(*flow.comm_, norms);
    const TrainingRule& rule = flow.rule_;
    const std::vector<double>& ritz = flow.projected_.eigen.values;
    const double growth = flow.growth();
    double reach = 0.0;  // of the coefficients before, grown until here
    double last = 1.0;
    if (rule.has_steps()) {  // after the first step A = eta/N r
      for (std::int64_t j = 0; j < flow.outputs_; ++j) {
        reach = std::max(reach, rule.learning_rate / static_cast<double>(n) *
                                    euclidean_norm(flow.projected_.modes.column(j),
                                                   flow.projected_.modes.rows()));
      }
    }
    std::vector<FlowScale> result;
    for (std::size_t k = 0; k < times.size(); ++k) {
      const auto transmission = [&](double lambda) {
        return rule.transmission(lambda, times[k], growth, n);
      };
      reach = std::max(norms[k], reach * std::pow(growth, times[k] - last));
      last = times[k];
      result.push_back({reach, white_transmission(ritz, shifted_trace, n, transmission),
                        resonance(ritz, transmission)});
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
    Matrix<double> y;
    collectively(*flow.comm_, [&] { y = Matrix<double>(m, count + 1); });
    for (std::int64_t k = 0; k < count; ++k) {
      const Matrix<double> outputs =
          flow.coordinates(flow.projected_, times.subspan(static_cast<std::size_t>(k), 1));
      for (std::int64_t j = 0; j < outputs.cols(); ++j) {
        const double weight = stream.normal(static_cast<std::uint64_t>(j));
        for (std::int64_t i = 0; i < m; ++i) {
          y.column(k)[i] += weight * outputs.column(j)[i];
        }
      }
      if (const double length = euclidean_norm(y.column(k), y.rows()); length > 0.0) {
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
    max_of_finite(*flow.comm_, measured.product_error);
    flow.comm_->sum(quotient);
    measured.top = quotient[0] / quotient[1];
    if (!std::isfinite(measured.top)) {
      refuse_not_finite();
    }
    return measured;
  }
};

double KrylovFlow::growth() const {
  return std::max(1.0, rule_.growth(projected_.eigen.values.back(), n_));
}

void KrylovFlow::set_unit(const DynamicsOptions& options, double largest) {
  times_ = absolute_times(options, largest / static_cast<double>(n_));
  rule_ = training_rule(options, largest / static_cast<double>(n_));
}

std::vector<double> KrylovFlow::finite_samples(const std::vector<std::size_t>& samples) const {
  std::vector<double> sampled = select(times_, samples);
  sampled.resize(finite_points(rule_, sampled, projected_.eigen.values.back(), n_));
  return sampled;
}

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
  const double largest_residual = largest_magnitude(residual.data(), residual.size());
  // Where training diverges, relative to the root mean square of f_t.
  const auto tolerance_at = [&](const FlowScale& scale, double top) {
    const double size =
        growth() > 1.0 ? top / std::sqrt(static_cast<double>(n_)) * scale.norm : 0.0;
    return options.tolerance * std::max(largest_residual, size);
  };
  const Estimator estimator{*this};
  Projected before;
  double top_before = 0.0;
  int blocks = 0;
  bool enough = false;
  for (bool more = true; more;) {
    const Stopwatch watch;
    projected_ = project();
    const double top = projected_.eigen.values.back() - ridge_;
    set_unit(options, top);
    if (top > null_level(projected_.eigen.values, n_)) {
      // lambda_max is no less; what the ridge adds to it is, in units of it, no more.
      const double certain = options.time_unit == TimeUnit::absolute ? ridge_ : 0.0;
      require_stable(options, rule_, (top + certain) / static_cast<double>(n_));
    }
    const std::vector<double> sampled = finite_samples(samples);
    const std::vector<double> newest = estimator.change(before, sampled);
    const std::vector<FlowScale> scales = estimator.scales(sampled, operators.trace);
    enough =
        ++blocks >= kLeastBlocks && top - top_before <= kTopChange * projected_.eigen.values.back();
    std::vector<double> hidden(sampled.size());
    std::vector<double> tolerance(sampled.size());
    double unseen = 0.0;  // relative to the tolerance
    for (std::size_t k = 0; k < sampled.size(); ++k) {
      hidden[k] = expected_product_error(scales[k], operators.roundoff, top, n_) +
                  rounding_error(scales[k], top, n_);
      tolerance[k] = tolerance_at(scales[k], top);
      unseen = std::max(unseen, kUnseenShare * hidden[k] / tolerance[k]);
    }
    for (std::size_t k = 0; k < sampled.size(); ++k) {
      changes[k] = {changes[k][1], changes[k][2], newest[k]};
      enough = enough && (space_error(changes[k], kUnbounded) <= tolerance[k] ||
                          std::min(newest[k], remaining_change(changes[k])) <=
                              std::max(hidden[k], unseen * tolerance[k]));
    }
    report_.estimate_seconds += watch.seconds();
    enough = comm.agree(enough).ok;  // the ranks' processors may round differently
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

  const Stopwatch watch;
  double top = projected_.eigen.values.back() - ridge_;
  const std::vector<double> sampled = finite_samples(samples);
  const std::vector<FlowScale> scales = estimator.scales(sampled, operators.trace);
  const std::vector<double> looked_at = defect_times(rule_, projected_.eigen.values, sampled, n_);
  const Matrix<double> defects = estimator.defect(looked_at);
  const double growth_until_end = growth();
  std::vector<double> errors(sampled.size(), 0.0);
  if (operators.exact != nullptr) {
    const Estimator::Measured measured = estimator.compare(*operators.exact, sampled, scales);
    for (std::size_t k = 0; k < sampled.size(); ++k) {
      errors[k] = measured_product_error(scales[k], measured.product_error[k]);
    }
    ++report_.exact_products;
    top = measured.top;
    set_unit(options, top);
  } else {
    for (std::size_t k = 0; k < sampled.size(); ++k) {
      errors[k] = expected_product_error(scales[k], operators.roundoff, top, n_);
    }
  }
  // Without an exact product lambda_max is a difference to the ridge, with the ridge's rounding.
  const double hidden_by_ridge =
      operators.exact != nullptr ? 0.0 : null_level(projected_.eigen.values, n_);
  if (options.time_unit == TimeUnit::inverse_lambda_max && !samples.empty() &&
      top <= hidden_by_ridge) {
    throw NumericalError(
        "the largest eigenvalue of the kernel matrix is zero to rounding beside the ridge, so that "
        "times and learning rates in units of 1 / lambda_max say nothing; give absolute ones, or "
        "less "
        "ridge");
  }
  lambda_max_ = std::max(top, 0.0) / static_cast<double>(n_);
  require_stable(options, rule_, lambda_max_ + ridge_ / static_cast<double>(n_));
  double defect = 0.0;  // the largest up to this time, grown until here
  double last = 0.0;
  const auto grow_until = [&](double time) {
    defect *= std::pow(growth_until_end, time - last);
    last = time;
  };
  std::int64_t next = 0;
  bool space_is_enough = true;
  for (std::size_t k = 0; k < sampled.size(); ++k) {
    for (; next < defects.cols() && looked_at[static_cast<std::size_t>(next)] <= sampled[k];
         ++next) {
      grow_until(looked_at[static_cast<std::size_t>(next)]);
      for (std::int64_t j = 0; j < outputs_; ++j) {
        defect = std::max(defect, defects(j, next));
        if (const double length = euclidean_norm(residual.column(j), residual.rows());
            length > 0.0) {
          report_.identity_error = std::max(report_.identity_error, defects(j, next) / length);
        }
      }
    }
    grow_until(sampled[k]);
    const double space = space_error(changes[k], scales[k].resonance * defect);
    const double rounding = rounding_error(scales[k], top, n_);
    const double hidden = expected_product_error(scales[k], operators.roundoff, top, n_) + rounding;
    space_is_enough = space_is_enough && space <= std::max(tolerance_at(scales[k], top), hidden);
    errors[k] += space + rounding;
  }
  report_.converged =
      comm.agree(enough || space_->dimension() == n_ || (space_->exhausted() && space_is_enough))
          .ok;
  max_of_finite(comm, errors);
  errors.resize(samples.size(), kUnbounded);  // of what overflows
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
  // Rank 0 decides on one basis, and on the modes in it, for all.
  Projected projected;
  projected.eigen = diagonalise_shared(*comm_, space_->projection());
  const std::int64_t m = space_->dimension();
  collectively(*comm_, [&] { projected.modes = Matrix<double>(m, outputs_); });
  multiply<double>(Transpose::yes, Transpose::no, 1.0, projected.eigen.vectors.view(),
                   space_->start_coordinates().block(0, 0, m, outputs_), 0.0,
                   projected.modes.view());
  const std::span modes(projected.modes.data(), static_cast<std::size_t>(projected.modes.size()));
  comm_->broadcast(std::as_writable_bytes(modes), 0);
  return projected;
}

Matrix<double> KrylovFlow::coordinates(const Projected& projected,
                                       std::span<const double> points) const {
  const std::vector<double>& ritz = projected.eigen.values;
  const std::int64_t m = std::ssize(ritz);
  Matrix<double> weighted;
  Matrix<double> result;
  collectively(*comm_, [&] {
    weighted = Matrix<double>(m, std::ssize(points) * outputs_);
    result = Matrix<double>(m, weighted.cols());
  });
  if (m == 0) {
    return result;
  }
  const double null = null_level(ritz, n_);
  for (std::int64_t i = 0; i < m; ++i) {
    const double lambda = ritz[static_cast<std::size_t>(i)];
    for (std::int64_t k = 0; lambda > null && k < std::ssize(points); ++k) {
      const double weight = rule_.filter(lambda, points[static_cast<std::size_t>(k)], n_);
      for (std::int64_t j = 0; j < outputs_; ++j) {
        weighted.column(k * outputs_ + j)[i] = weight * projected.modes.column(j)[i];
      }
    }
  }
  multiply<double>(Transpose::no, Transpose::no, 1.0, projected.eigen.vectors.view(),
                   weighted.view(), 0.0, result.view());
  return result;
}

TrainedModes KrylovFlow::modes() const {
  TrainedModes modes{n_, ridge_, projected_.eigen.values, {}};
  for (std::size_t i = 0; i < modes.lambda.size(); ++i) {
    modes.lambda[i] -= ridge_;
    double energy = 0.0;
    for (std::int64_t j = 0; j < outputs_; ++j) {
      const double part = projected_.modes(static_cast<std::int64_t>(i), j);
      energy += part * part;
    }
    modes.energy.push_back(energy);
  }
  return modes;
}

Matrix<double> KrylovFlow::coefficients(std::span<const double> points) const {
  NTKFLOW_EXPECTS(finite_points(rule_, points, projected_.eigen.values.back(), n_) == points.size(),
                  rule_.learning_rate);
  return space_->combine(coordinates(projected_, points));
}

Matrix<double> KrylovFlow::train_increment(std::span<const double> points) const {
  NTKFLOW_EXPECTS(finite_points(rule_, points, projected_.eigen.values.back(), n_) == points.size(),
                  rule_.learning_rate);
  const Matrix<double> y = coordinates(projected_, points);
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
