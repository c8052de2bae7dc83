#include "ntkflow/spectrum/measure.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
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
  for (std::int64_t j = 0; j < measure.energy.cols(); ++j) {
    const double* column = measure.energy.column(j);
    rest[static_cast<std::size_t>(j)] +=
        std::accumulate(column + measure.rank(), column + measure.energy.rows(), 0.0);
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
  for (std::int64_t i = 0; i < measure.rank(); ++i) {
    const double lambda = measure.eigenvalue[static_cast<std::size_t>(i)];
    const double energy = measure.mode_energy(i);
    for (std::size_t k = 0; k < times.size(); ++k) {
      left[k] += std::exp(-2.0 * times[k] * lambda) * energy;
    }
  }
  return left;
}

double descent_loss(const SpectralMeasure& measure, double learning_rate, std::int64_t steps) {
  double energy = sum(energy_at_rest(measure));
  for (std::int64_t i = 0; i < measure.rank(); ++i) {
    const double step = learning_rate * measure.eigenvalue[static_cast<std::size_t>(i)];
    energy += decay(step, steps) * measure.mode_energy(i);
  }
  return 0.5 * energy;
}

std::int64_t steps_to_loss(const SpectralMeasure& measure, double learning_rate, double loss) {
  NTKFLOW_EXPECTS(learning_rate > 0.0, learning_rate);
  NTKFLOW_EXPECTS(measure.rank() == 0 || learning_rate * measure.eigenvalue.front() < 2.0,
                  learning_rate);
  const auto is_reached = [&](std::int64_t steps) {
    return descent_loss(measure, learning_rate, steps) <= loss;
  };
  if (is_reached(0)) {
    return 0;
  }
  // No mode above rounding is left after as many steps as a double counts.
  constexpr std::int64_t kMostSteps = std::int64_t{1} << std::numeric_limits<double>::digits;
  std::int64_t before = 0;
  std::int64_t reached = kMostSteps;
  if (!is_reached(reached)) {
    return -1;
  }
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
  const auto count = static_cast<double>(measure.samples - std::ssize(measure.eigenvalue));
  const double rest = measure.trace - sum_known;
  const bool is_whole = count == 0.0 || moving < std::ssize(measure.eigenvalue) ||
                        !(rest > rounding_level(measure.samples, measure.trace));
  if (is_whole) {
    return {known, known};
  }
  const double last = measure.eigenvalue.back();
  return {known + rest / (last + mu), known + rest / (rest / count + mu)};
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
