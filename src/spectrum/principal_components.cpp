#include "ntkflow/spectrum/principal_components.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {

PrincipalComponents principal_components(std::span<const double> values, Matrix<double> vectors,
                                         std::span<const double> levels,
                                         std::span<const double> means) {
  const std::int64_t n = vectors.rows();
  const std::int64_t count = vectors.cols();
  NTKFLOW_EXPECTS(std::ssize(values) == count && std::ssize(levels) == count &&
                      (means.empty() || std::ssize(means) == n),
                  values.size(), levels.size(), means.size(), n, count);
  PrincipalComponents components;
  components.train = Matrix<double>(n, count);
  components.offset.assign(static_cast<std::size_t>(count), 0.0);
  for (std::int64_t j = 0; j < count; ++j) {
    const double lambda = values[static_cast<std::size_t>(j)];
    components.eigenvalue.push_back(lambda / static_cast<double>(n));
    double* v = vectors.column(j);
    if (!means.empty()) {
      const double mean = std::accumulate(v, v + n, 0.0) / static_cast<double>(n);
      std::transform(v, v + n, v, [mean](double value) { return value - mean; });
    }
    const double largest =
        *std::max_element(v, v + n, [](double a, double b) { return std::abs(a) < std::abs(b); });
    const double length = lambda > levels[static_cast<std::size_t>(j)]
                              ? std::copysign(std::sqrt(lambda), largest)
                              : 0.0;
    std::transform(v, v + n, components.train.column(j),
                   [length](double value) { return length * value; });
    const double weight = length == 0.0 ? 0.0 : 1.0 / length;
    std::transform(v, v + n, v, [weight](double value) { return weight * value; });
    if (!means.empty()) {
      components.offset[static_cast<std::size_t>(j)] =
          std::inner_product(v, v + n, means.begin(), 0.0);
    }
  }
  components.weights = std::move(vectors);
  return components;
}

Matrix<double> projections(const PrincipalComponents& components, Matrix<double> products) {
  NTKFLOW_EXPECTS(products.cols() == std::ssize(components.offset), products.cols());
  for (std::int64_t j = 0; j < products.cols(); ++j) {
    const double offset = components.offset[static_cast<std::size_t>(j)];
    double* column = products.column(j);
    std::transform(column, column + products.rows(), column,
                   [offset](double value) { return value - offset; });
  }
  return products;
}

}  // namespace ntkflow
