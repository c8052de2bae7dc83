#include "ntkflow/data/preprocessor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>

namespace ntkflow {
namespace {

/// Sums in twice the working precision. Ref: Ogita, Rump and Oishi, "Accurate sum and dot product",
/// SIAM J. Sci. Comput. 26 (2005), algorithm 4.4 (Sum2).
struct CompensatedSum {
  double sum = 0.0;
  double error = 0.0;

  void add(double value) {
    const double next = sum + value;
    const double part = next - sum;
    error += (sum - (next - part)) + (value - part);
    sum = next;
  }
  [[nodiscard]] double total() const { return sum + error; }
};

std::int64_t total_samples(const Communicator& comm, MatrixView<const double> share) {
  const std::int64_t n = comm.sum(share.cols);
  NTKFLOW_EXPECTS(n > 0);
  return n;
}

/// Mean of value(x_j, j) over all samples, for each feature j. Collective over comm.
template <class Function>
std::vector<double> feature_means(const Communicator& comm, MatrixView<const double> share,
                                  Function&& value) {
  std::vector<CompensatedSum> sums(static_cast<std::size_t>(share.rows));
  for (std::int64_t i = 0; i < share.cols; ++i) {
    const double* x = share.column(i);
    for (std::size_t j = 0; j < sums.size(); ++j) {
      sums[j].add(value(x[j], j));
    }
  }
  std::vector<double> means;
  means.reserve(sums.size());
  for (const CompensatedSum& sum : sums) {
    means.push_back(sum.total());
  }
  comm.sum(std::span(means));
  const auto n = static_cast<double>(total_samples(comm, share));
  for (double& mean : means) {
    mean /= n;
  }
  return means;
}

double overall_mean(const Communicator& comm, MatrixView<const double> share) {
  CompensatedSum sum;
  for (std::int64_t i = 0; i < share.cols; ++i) {
    std::for_each_n(share.column(i), share.rows, [&](double x) { sum.add(x); });
  }
  const auto values = static_cast<double>(total_samples(comm, share) * share.rows);
  return comm.sum(sum.total()) / values;
}

/// Smallest and largest value of each feature over all samples. Collective over comm.
struct FeatureRange {
  std::vector<double> low;
  std::vector<double> high;
};
FeatureRange feature_range(const Communicator& comm, MatrixView<const double> share) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto d = static_cast<std::size_t>(share.rows);
  std::vector<double> minus_low(d, -kInfinity);
  std::vector<double> high(d, -kInfinity);
  for (std::int64_t i = 0; i < share.cols; ++i) {
    const double* x = share.column(i);
    for (std::size_t j = 0; j < d; ++j) {
      minus_low[j] = std::max(minus_low[j], -x[j]);
      high[j] = std::max(high[j], x[j]);
    }
  }
  comm.max(std::span(minus_low));
  comm.max(std::span(high));
  for (double& value : minus_low) {
    value = -value;
  }
  return {std::move(minus_low), std::move(high)};
}

FittedStep fit_standardisation(const Communicator& comm, MatrixView<const double> share) {
  // A mean is rounded, so deviations from it do not tell a constant feature; its range does.
  const FeatureRange range = feature_range(comm, share);
  FittedStep fitted{PreprocessStep::standardize_features, {}, {}};
  fitted.shift = feature_means(comm, share, [](double x, std::size_t) { return x; });
  // Deviations are taken relative to the range, so that their squares neither over- nor underflow.
  std::vector<double> inverse_range(fitted.shift.size(), 0.0);
  for (std::size_t j = 0; j < inverse_range.size(); ++j) {
    if (range.high[j] > range.low[j]) {
      inverse_range[j] = 1.0 / (range.high[j] - range.low[j]);
    }
  }
  fitted.factor = feature_means(comm, share, [&](double x, std::size_t j) {
    const double deviation = (x - fitted.shift[j]) * inverse_range[j];
    return deviation * deviation;
  });
  for (std::size_t j = 0; j < inverse_range.size(); ++j) {
    fitted.factor[j] =
        inverse_range[j] == 0.0 ? 0.0 : inverse_range[j] / std::sqrt(fitted.factor[j]);
  }
  return fitted;
}

FittedStep fit_step(const Communicator& comm, PreprocessStep step, MatrixView<const double> share) {
  switch (step) {
    case PreprocessStep::center:
      return {step, {overall_mean(comm, share)}, {}};
    case PreprocessStep::center_features:
      return {step, feature_means(comm, share, [](double x, std::size_t) { return x; }), {}};
    case PreprocessStep::standardize_features:
      return fit_standardisation(comm, share);
    case PreprocessStep::unit_interval:
    case PreprocessStep::standardize_samples:
    case PreprocessStep::unit_norm:
    case PreprocessStep::sphere:
      break;
  }
  return {step, {}, {}};
}

/// Euclidean norm without over- or underflow of the squares; 0 only for the zero vector.
double scaled_norm(std::span<const double> x) {
  double largest = 0.0;
  for (const double value : x) {
    largest = std::max(largest, std::abs(value));
  }
  if (largest == 0.0) {
    return 0.0;
  }
  CompensatedSum squares;
  for (const double value : x) {
    squares.add((value / largest) * (value / largest));
  }
  return largest * std::sqrt(squares.total());
}

/// Each returns whether the sample could be normalised.
bool normalise(std::span<double> x, double norm_wanted) {
  const double norm = scaled_norm(x);
  for (double& value : x) {
    value = value / norm * norm_wanted;
  }
  return norm > 0.0;
}

bool standardise(std::span<double> x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const double range = *high - *low;
  if (!(range > 0.0)) {
    return false;
  }
  const auto d = static_cast<double>(x.size());
  CompensatedSum sum;
  for (const double value : x) {
    sum.add(value);
  }
  const double mean = sum.total() / d;
  CompensatedSum squares;
  for (double& value : x) {
    value = (value - mean) / range;
    squares.add(value * value);
  }
  const double deviation = std::sqrt(squares.total() / d);
  for (double& value : x) {
    value /= deviation;
  }
  return true;
}

[[noreturn]] void throw_not_normalisable(PreprocessStep step, const std::string& name,
                                         std::int64_t row) {
  const bool is_zero = step != PreprocessStep::standardize_samples;
  throw DataError("row " + std::to_string(row) + " (from 0) of the " + name + " data is " +
                  (is_zero ? "zero in all features" : "the same in all features") +
                  ", so preprocessing step \"" + to_string(step) + "\" cannot normalise it");
}

void apply_step(const FittedStep& fitted, MatrixView<double> samples, const std::string& name,
                const std::int64_t* rows) {
  const auto d = static_cast<std::size_t>(samples.rows);
  for (std::int64_t i = 0; i < samples.cols; ++i) {
    const std::span<double> x(samples.column(i), d);
    bool is_normalised = true;
    switch (fitted.step) {
      case PreprocessStep::unit_interval:
        std::for_each(x.begin(), x.end(), [](double& value) { value /= 255.0; });
        break;
      case PreprocessStep::center:
        std::for_each(x.begin(), x.end(), [&](double& value) { value -= fitted.shift[0]; });
        break;
      case PreprocessStep::center_features:
        for (std::size_t j = 0; j < d; ++j) {
          x[j] -= fitted.shift[j];
        }
        break;
      case PreprocessStep::standardize_features:
        for (std::size_t j = 0; j < d; ++j) {
          x[j] = fitted.factor[j] == 0.0 ? 0.0 : (x[j] - fitted.shift[j]) * fitted.factor[j];
        }
        break;
      case PreprocessStep::standardize_samples:
        is_normalised = standardise(x);
        break;
      case PreprocessStep::unit_norm:
        is_normalised = normalise(x, 1.0);
        break;
      case PreprocessStep::sphere:
        is_normalised = normalise(x, std::sqrt(static_cast<double>(d)));
        break;
    }
    if (!is_normalised) {
      throw_not_normalisable(fitted.step, name, rows[i]);
    }
  }
}

void check_constants(const FittedStep& fitted, std::int64_t dimension) {
  std::size_t shifts = 0;
  std::size_t factors = 0;
  if (fitted.step == PreprocessStep::center) {
    shifts = 1;
  } else if (fitted.step == PreprocessStep::center_features) {
    shifts = static_cast<std::size_t>(dimension);
  } else if (fitted.step == PreprocessStep::standardize_features) {
    shifts = factors = static_cast<std::size_t>(dimension);
  }
  if (fitted.shift.size() != shifts || fitted.factor.size() != factors) {
    throw DataError("preprocessing step \"" + to_string(fitted.step) + "\" was fitted to " +
                    std::to_string(fitted.shift.size()) + " features, but the inputs have " +
                    std::to_string(dimension));
  }
}

}  // namespace

Preprocessor Preprocessor::fit(const Communicator& comm, const std::vector<PreprocessStep>& steps,
                               MatrixView<double> share, const std::int64_t* rows) {
  Preprocessor fitted;
  for (const PreprocessStep step : steps) {
    fitted.steps_.push_back(fit_step(comm, step, share));
    collectively(comm, [&] { apply_step(fitted.steps_.back(), share, "training", rows); });
  }
  return fitted;
}

void Preprocessor::apply(MatrixView<double> samples, const std::string& name,
                         const std::int64_t* rows) const {
  for (const FittedStep& fitted : steps_) {
    check_constants(fitted, samples.rows);
    apply_step(fitted, samples, name, rows);
  }
}

}  // namespace ntkflow
