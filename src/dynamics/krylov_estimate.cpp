#include "krylov_estimate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ntkflow {
namespace {

constexpr double kSpaceSafety = 6.0;
constexpr double kDefectSafety = 2.0;
constexpr double kProductSafety = 4.0;
constexpr double kRoundingSafety = 40.0;
// Samples at which it was calibrated, at half of it; against p?syevd at N = 8,000 that half fell
// short by a factor of 1.7 at the earliest times, where all errors are below 1e-14.
constexpr double kCalibratedSize = 2000.0;
// The largest of some ten thousand values of a normal distribution, in standard deviations.
constexpr double kLargestDeviation = 4.0;
// Limits of the sum of a geometric series over its last term: a sequence that seems to have ended
// may not have, and one that stagnates does so at the level of the products' error.
constexpr double kLeastRest = 0.005;
constexpr double kMostRest = 3.0;
// Quotients of changes above this one are not those of a sequence that converges.
constexpr double kSteadyFall = 0.7;
constexpr std::size_t kDefectTimes = 32;

double quotient(double a, double b) {
  return b > 0.0 ? a / b : 1.0;
}

}  // namespace

std::vector<std::size_t> sample_times(std::span<const double> times, std::size_t most) {
  const auto first =
      static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), 0.0) - times.begin());
  const std::size_t positive = times.size() - first;
  std::vector<std::size_t> samples;
  if (positive <= most) {
    samples.resize(positive);
    std::iota(samples.begin(), samples.end(), first);
    return samples;
  }
  const auto finite = std::lower_bound(times.begin() + static_cast<std::ptrdiff_t>(first),
                                       times.end(), std::numeric_limits<double>::infinity());
  const double start = std::log(times[first]);
  const double stop = finite == times.begin() + static_cast<std::ptrdiff_t>(first)
                          ? start
                          : std::log(*(finite - 1));
  for (std::size_t k = 0; k + 1 < most; ++k) {
    const double t =
        std::exp(start + (stop - start) * static_cast<double>(k) / static_cast<double>(most - 1));
    const auto found = static_cast<std::size_t>(
        std::lower_bound(times.begin() + static_cast<std::ptrdiff_t>(first), times.end(), t) -
        times.begin());
    const std::size_t position = k == 0 ? first : std::min(found, times.size() - 1);
    if (samples.empty() || position > samples.back()) {
      samples.push_back(position);
    }
  }
  if (samples.back() != times.size() - 1) {
    samples.push_back(times.size() - 1);
  }
  return samples;
}

double null_level(std::span<const double> ritz, std::int64_t n) {
  return static_cast<double>(n) * std::numeric_limits<double>::epsilon() * ritz.back();
}

std::vector<double> defect_times(const TrainingRule& rule, std::span<const double> ritz,
                                 std::span<const double> sampled, std::int64_t n) {
  std::vector<double> times(sampled.begin(), sampled.end());
  if (sampled.empty() || ritz.empty() || !(ritz.back() > 0.0)) {
    return times;
  }
  const double slowest = *std::upper_bound(ritz.begin(), ritz.end() - 1, null_level(ritz, n));
  const double unit = rule.has_steps() ? rule.learning_rate : 1.0;
  const double first = 0.1 * static_cast<double>(n) / ritz.back() / unit;
  double last = std::min(sampled.back(), 10.0 * static_cast<double>(n) / slowest / unit);
  last = rule.has_steps() ? std::floor(last) : last;
  for (std::size_t k = 0; k < kDefectTimes && first < last; ++k) {
    const double t =
        first * std::pow(last / first, static_cast<double>(k) / static_cast<double>(kDefectTimes));
    times.push_back(rule.has_steps() ? std::ceil(t) : t);
  }
  std::sort(times.begin(), times.end());
  return times;
}

std::vector<double> spread_samples(std::span<const double> times,
                                   std::span<const std::size_t> samples,
                                   std::span<const double> values) {
  std::vector<double> all(times.size(), 0.0);
  std::size_t next = 0;
  for (std::size_t i = samples.empty() ? times.size() : samples.front(); i < times.size(); ++i) {
    while (samples[next] < i) {
      ++next;
    }
    all[i] =
        samples[next] == i || next == 0 ? values[next] : std::max(values[next - 1], values[next]);
  }
  return all;
}

double white_transmission(std::span<const double> ritz, double trace, std::int64_t n,
                          const std::function<double(double)>& transmission) {
  const auto share = [&](double lambda) {
    const double gone = transmission(lambda);
    return gone * gone;
  };
  double sum = 0.0;
  double rest = trace;
  for (const double lambda : ritz) {
    sum += share(lambda);
    rest -= lambda;
  }
  if (const std::int64_t others = n - std::ssize(ritz); others > 0) {
    sum += static_cast<double>(others) * share(rest / static_cast<double>(others));
  }
  return std::sqrt(sum / static_cast<double>(n));
}

double resonance(std::span<const double> ritz, const std::function<double(double)>& transmission) {
  double largest = 1.0;
  for (const double lambda : ritz) {
    largest = std::max(largest, transmission(lambda));
  }
  return largest;
}

double remaining_change(std::span<const double, 3> changes) {
  // A change that happens to be small says little: half of the quotient before counts as well.
  const double ratio = std::max(quotient(changes[2], changes[1]),
                                0.5 * std::min(quotient(changes[1], changes[0]), 1.0));
  const double rest = ratio < 1.0 ? ratio / (1.0 - ratio) : kMostRest;
  // Changes that had hardly fallen do not end at once: one far smaller is so by chance, as where
  // rounding hides that the space stagnates.
  const bool stagnated = quotient(changes[1], changes[0]) > kSteadyFall;
  const double last = stagnated ? std::max(changes[1], changes[2]) : changes[2];
  return last * std::clamp(rest, kLeastRest, kMostRest);
}

double space_error(std::span<const double, 3> changes, double defect) {
  return std::min(kSpaceSafety * remaining_change(changes), kDefectSafety * defect);
}

double expected_product_error(const FlowScale& scale, double roundoff, double top, std::int64_t n) {
  const double size = top / static_cast<double>(n);  // root mean square of the values of K
  return kLargestDeviation * 0.5 * roundoff * size * scale.norm * scale.transmission;
}

double measured_product_error(const FlowScale& scale, double largest_entry) {
  return kProductSafety * largest_entry * scale.transmission;
}

double rounding_error(const FlowScale& scale, double top, std::int64_t n) {
  // The error of an eigensolver, with which one compares, grows faster than that of sums.
  const double growth = std::max(1.0, static_cast<double>(n) / kCalibratedSize);
  return kRoundingSafety * growth * std::numeric_limits<double>::epsilon() * top /
         std::sqrt(static_cast<double>(n)) * scale.norm * scale.resonance;
}

}  // namespace ntkflow
