#include "ntkflow/spectrum/measure.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {
namespace {

/// (1 - step)^(2 s) for 0 < step < 2, through logarithms, so that no digits cancel where step is
/// small.
double decay(double step, std::int64_t steps) {
  if (steps == 0) {
    return 1.0;
  }
  const double rate = step < 1.0 ? std::log1p(-step) : std::log(step - 1.0);
  return std::exp(2.0 * static_cast<double>(steps) * rate);
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// What gradient descent does to the modes that move, their energies summed over the outputs.
class Descent {
 public:
  Descent(const SpectralMeasure& measure, double learning_rate)
      : rest_(sum(energy_at_rest(measure))) {
    const std::int64_t moving = measure.rank();
    for (std::int64_t i = 0; i < moving; ++i) {
      step_.push_back(learning_rate * measure.eigenvalue[static_cast<std::size_t>(i)]);
      energy_.push_back(measure.mode_energy(i));
    }
  }

  [[nodiscard]] double least_loss() const { return 0.5 * rest_; }
  [[nodiscard]] double loss(std::int64_t steps) const {
    double energy = rest_;
    for (std::size_t i = 0; i < step_.size(); ++i) {
      energy += decay(step_[i], steps) * energy_[i];
    }
    return 0.5 * energy;
  }

 private:
  std::vector<double> step_;  ///< learning rate x eigenvalue
  std::vector<double> energy_;
  double rest_;
};

}  // namespace

std::int64_t SpectralMeasure::rank() const {
  const double level = rounding_level(samples, eigenvalue.empty() ? 0.0 : eigenvalue.front());
  return std::find_if(eigenvalue.begin(), eigenvalue.end(),
                      [level](double value) { return !(value > level); }) -
         eigenvalue.begin();
}

double SpectralMeasure::mode_energy(std::int64_t i) const {
  double total = 0.0;
  for (std::int64_t j = 0; j < energy.cols(); ++j) {
    total += energy(i, j);
  }
  return total;
}

SpectralMeasure spectral_measure(const EigenSystem<double>& eigen, const Matrix<double>& modes) {
  const std::int64_t n = std::ssize(eigen.values);
  NTKFLOW_EXPECTS(modes.rows() == n, modes.rows(), n);
  SpectralMeasure measure;
  measure.samples = n;
  measure.energy = Matrix<double>(n, modes.cols());
  measure.outside.assign(static_cast<std::size_t>(modes.cols()), 0.0);
  const auto size = static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t ascending = n - 1 - i;
    measure.eigenvalue.push_back(eigen.values[static_cast<std::size_t>(ascending)] / size);
    for (std::int64_t j = 0; j < modes.cols(); ++j) {
      measure.energy(i, j) = modes(ascending, j) * modes(ascending, j) / size;
    }
  }
  measure.trace = sum(measure.eigenvalue);
  return measure;
}

SpectralMeasure spectral_measure(const Communicator& comm, const LeadingEigenpairs& pairs,
                                 const Matrix<double>& residual, double trace) {
  const std::int64_t n = residual.rows();
  const std::int64_t outputs = residual.cols();
  const std::int64_t count = std::ssize(pairs.values);
  const MatrixView<const double> mine(residual.data() + pairs.rows.begin, pairs.rows.size(),
                                      outputs, residual.rows());
  Matrix<double> modes;
  collectively(comm, [&] {
    modes = Matrix<double>(count, outputs);
    multiply<double>(Transpose::yes, Transpose::no, 1.0, pairs.vectors.view(), mine, 0.0,
                     modes.view());
  });
  comm.sum(std::span(modes.data(), static_cast<std::size_t>(modes.size())));

  SpectralMeasure measure;
  measure.samples = n;
  measure.outside.assign(static_cast<std::size_t>(outputs), 0.0);
  const auto size = static_cast<double>(n);
  measure.trace = trace / size;
  measure.converged = pairs.converged == count;
  // Residuals are parts of the largest value, of 1 where all are zero.
  const double largest = largest_magnitude(pairs.values.data(), count);
  measure.error = sum(pairs.residual) * (largest > 0.0 ? largest : 1.0) / size;
  collectively(comm, [&] {
    for (const double value : pairs.values) {
      measure.eigenvalue.push_back(value / size);
    }
    measure.energy = Matrix<double>(count, outputs);
    std::transform(modes.data(), modes.data() + modes.size(), measure.energy.data(),
                   [size](double mode) { return mode * mode / size; });
    // What the pairs leave, row by row: as |r|^2 less their energies it would keep no digits where
    // they hold nearly all.
    Matrix<double> rest(mine.rows, outputs);
    for (std::int64_t j = 0; j < outputs; ++j) {
      std::copy_n(mine.column(j), mine.rows, rest.column(j));
    }
    multiply<double>(Transpose::no, Transpose::no, -1.0, pairs.vectors.view(),
                     std::as_const(modes).view(), 1.0, rest.view());
    for (std::int64_t j = 0; j < outputs; ++j) {
      measure.outside[static_cast<std::size_t>(j)] =
          std::inner_product(rest.column(j), rest.column(j) + rest.rows(), rest.column(j), 0.0) /
          size;
    }
  });
  comm.sum(measure.outside);
  return measure;
}

Matrix<double> cumulative_energy(const SpectralMeasure& measure) {
  const Matrix<double>& energy = measure.energy;
  Matrix<double> fraction(energy.rows(), energy.cols());
  for (std::int64_t j = 0; j < energy.cols(); ++j) {
    const double total = std::accumulate(energy.column(j), energy.column(j) + energy.rows(),
                                         measure.outside[static_cast<std::size_t>(j)]);
    double held = 0.0;
    for (std::int64_t i = 0; i < energy.rows(); ++i) {
      held += energy(i, j);
      fraction(i, j) = total > 0.0 ? held / total : 1.0;
    }
  }
  return fraction;
}

std::vector<double> energy_at_rest(const SpectralMeasure& measure) {
  std::vector<double> rest = measure.outside;
  const std::int64_t moving = measure.rank();
  for (std::int64_t j = 0; j < measure.energy.cols(); ++j) {
    const double* column = measure.energy.column(j);
    rest[static_cast<std::size_t>(j)] +=
        std::accumulate(column + moving, column + measure.energy.rows(), 0.0);
  }
  return rest;
}

Matrix<double> mode_curves(const SpectralMeasure& measure, std::span<const double> times,
                           std::int64_t modes) {
  const std::int64_t moving = measure.rank();
  Matrix<double> left(std::ssize(times), modes);
  for (std::int64_t i = 0; i < modes; ++i) {
    const double lambda = measure.eigenvalue[static_cast<std::size_t>(i)];
    const double energy = measure.mode_energy(i);
    std::transform(times.begin(), times.end(), left.column(i), [&](double t) {
      return i < moving ? std::exp(-2.0 * t * lambda) * energy : energy;
    });
  }
  return left;
}

std::vector<double> energy_curve(const SpectralMeasure& measure, std::span<const double> times) {
  std::vector<double> left(times.size(), sum(energy_at_rest(measure)));
  const std::int64_t moving = measure.rank();
  for (std::int64_t i = 0; i < moving; ++i) {
    const double lambda = measure.eigenvalue[static_cast<std::size_t>(i)];
    const double energy = measure.mode_energy(i);
    for (std::size_t k = 0; k < times.size(); ++k) {
      left[k] += std::exp(-2.0 * times[k] * lambda) * energy;
    }
  }
  return left;
}

double descent_loss(const SpectralMeasure& measure, double learning_rate, std::int64_t steps) {
  return Descent(measure, learning_rate).loss(steps);
}

std::int64_t steps_to_loss(const SpectralMeasure& measure, double learning_rate, double loss) {
  NTKFLOW_EXPECTS(learning_rate > 0.0, learning_rate);
  NTKFLOW_EXPECTS(measure.rank() == 0 || learning_rate * measure.eigenvalue.front() < 2.0,
                  learning_rate);
  const Descent descent(measure, learning_rate);
  const auto is_reached = [&](std::int64_t steps) { return descent.loss(steps) <= loss; };
  if (loss < descent.least_loss()) {
    return -1;
  }
  if (is_reached(0)) {
    return 0;
  }
  std::int64_t before = 0;
  std::int64_t reached = kMostDescentSteps;
  while (reached - before > 1) {
    const std::int64_t middle = before + (reached - before) / 2;
    (is_reached(middle) ? reached : before) = middle;
  }
  return reached;
}

Bounds effective_dimension(const SpectralMeasure& measure, double ridge) {
  const double mu = ridge / static_cast<double>(measure.samples);
  const std::int64_t moving = measure.rank();
  double known = 0.0;
  double sum_known = 0.0;
  for (std::int64_t i = 0; i < moving; ++i) {
    const double lambda = measure.eigenvalue[static_cast<std::size_t>(i)];
    known += lambda / (lambda + mu);
    sum_known += lambda;
  }
  if (std::ssize(measure.eigenvalue) == measure.samples && measure.error == 0.0) {
    return {known, known};
  }
  const double trace = std::max(measure.trace, 0.0);
  const auto samples = static_cast<double>(measure.samples);
  const double outside = samples - static_cast<double>(moving);
  const double rounding = rounding_level(measure.samples, trace);
  const double rest = std::max(trace - sum_known, 0.0);
  double least = 0.0;
  double most = 0.0;
  if (outside > 0.0 && rest > rounding) {
    // Eigenvalues of the matrix that the pairs are exact for, outside of them, exceed the last one
    // by no more than both differ from eigenvalues of Pi.
    const double last = measure.eigenvalue.back() + 2.0 * measure.error;
    least = rest / ((measure.converged && last > 0.0 ? std::min(last, rest) : rest) + mu);
    most = rest / (rest / outside + mu);
  }
  const double wider =
      std::min(2.0 * measure.error / mu, static_cast<double>(std::ssize(measure.eigenvalue)));
  return {std::max(known + least - wider, trace / (trace + mu)),
          std::min(known + most + wider, trace / (trace / samples + mu))};
}

std::vector<double> standard_ridges(const SpectralMeasure& measure) {
  constexpr int kCount = 25;
  constexpr double kDecades = 6.0;
  const double largest = measure.eigenvalue.front() * static_cast<double>(measure.samples);
  std::vector<double> ridges;
  for (int i = 0; i < kCount; ++i) {
    ridges.push_back(largest * std::pow(10.0, kDecades * (i / (kCount - 1.0) - 1.0)));
  }
  return ridges;
}

}  // namespace ntkflow
