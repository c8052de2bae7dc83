#include "chebyshev.hpp"

#include <cmath>
#include <numbers>

namespace ntkflow {

std::vector<std::vector<double>> chebyshev_interpolate(
    int degree, std::size_t count,
    const std::function<void(long double, std::span<long double>)>& sample) {
  const auto nodes = static_cast<std::size_t>(degree) + 1;
  constexpr auto kPi = std::numbers::pi_v<long double>;
  // T_k at node j is the cosine of a multiple of pi / (2 nodes), of which there are 4 nodes.
  std::vector<long double> cosine(4 * nodes);
  for (std::size_t m = 0; m < cosine.size(); ++m) {
    cosine[m] = std::cos(kPi * static_cast<long double>(m) / static_cast<long double>(2 * nodes));
  }
  std::vector<std::vector<long double>> sums(count, std::vector<long double>(nodes));
  std::vector<long double> values(count);
  for (std::size_t j = 0; j < nodes; ++j) {
    sample(cosine[2 * j + 1], values);
    for (std::size_t m = 0; m < count; ++m) {
      for (std::size_t k = 0; k < nodes; ++k) {
        sums[m][k] += values[m] * cosine[k * (2 * j + 1) % cosine.size()];
      }
    }
  }
  std::vector<std::vector<double>> coefficients(count, std::vector<double>(nodes));
  for (std::size_t m = 0; m < count; ++m) {
    for (std::size_t k = 0; k < nodes; ++k) {
      const long double share = (k == 0 ? 1.0L : 2.0L) / static_cast<long double>(nodes);
      coefficients[m][k] = static_cast<double>(share * sums[m][k]);
    }
  }
  return coefficients;
}

std::size_t significant_terms(std::span<const double> coefficients, double tolerance) {
  double tail = 0.0;
  for (std::size_t k = coefficients.size(); k > 1; --k) {
    tail += std::abs(coefficients[k - 1]);
    if (!(tail <= tolerance)) {
      return k;
    }
  }
  return 1;
}

}  // namespace ntkflow
