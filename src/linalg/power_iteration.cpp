#include "power_iteration.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ntkflow/base/random.hpp>

namespace ntkflow {
namespace {

constexpr std::uint64_t kStartStream = 0x706f7765;
// The residual that an iteration ends with, as part of the tolerance: the certificate finds what
// the pairs before have left in it as well.
constexpr double kMargin = 0.5;

struct Pair {
  double value = 0.0;
  bool converged = false;
};

/// Iterates on the unit vector x until |P A x - value x| <= least(value), P the projection onto the
/// complement of the orthonormal columns of `before`.
template <class Least>
Pair iterate(const SharedRows& rows, const LinearOperator& a, MatrixView<const double> before,
             MatrixView<double> x, std::int64_t most_steps, Least&& least) {
  Pair pair;
  for (std::int64_t step = 0; step < most_steps && !pair.converged; ++step) {
    Matrix<double> image = rows.take(a.apply(rows.whole(x)));
    for (int pass = 0; pass < 2; ++pass) {
      rows.project_out(before, image.view());
    }
    const double length = rows.column_lengths(image.view()).front();
    pair.value = rows.inner_products(x, image.view())(0, 0);
    double square = 0.0;
    for (std::int64_t i = 0; i < image.rows(); ++i) {
      square += std::pow(image.data()[i] - pair.value * x.data[i], 2);
    }
    pair.converged = std::sqrt(rows.comm().sum(square)) <= least(pair.value);
    if (!pair.converged && length > 0.0) {
      std::transform(image.data(), image.data() + image.rows(), x.data,
                     [length](double value) { return value / length; });
    }
  }
  return pair;
}

}  // namespace

PowerPairs power_iteration(const SharedRows& rows, const LinearOperator& a,
                           const LeadingOptions& options, Monitor& monitor) {
  const std::int64_t count = options.count;
  const std::int64_t sought = std::min(count + 1, rows.n());
  const RandomStream stream(options.seed, kStartStream);
  Matrix<double> vectors = rows.allocate(sought);
  std::vector<double> values;
  std::vector<bool> converged;
  double scale = 0.0;
  const auto least = [&](double value) {
    return kMargin * options.tolerance * std::max(scale, std::abs(value));
  };
  for (std::int64_t j = 0; j < sought; ++j) {
    const MatrixView<const double> before = vectors.view().block(0, 0, vectors.rows(), j);
    Matrix<double> start = rows.allocate(1);
    for (std::int64_t i = 0; i < start.rows(); ++i) {
      start.data()[i] = stream.normal(static_cast<std::uint64_t>(rows.rows().begin + i),
                                      static_cast<std::uint64_t>(j));
    }
    rows.orthonormalise(before, start, rows.column_lengths(start.view()), 1);
    std::copy_n(start.data(), start.rows(), vectors.column(j));
    const Pair pair = iterate(rows, a, before, vectors.view().block(0, j, vectors.rows(), 1),
                              options.most_steps, least);
    values.push_back(pair.value);
    converged.push_back(pair.converged);
    scale = std::max(scale, std::abs(pair.value));
    monitor.progress(std::min(j + 1, count), count);
  }

  PowerPairs pairs;
  const double told_apart = 2.0 * options.tolerance * scale;
  for (std::int64_t j = count - 1; j >= 0; --j) {
    const auto i = static_cast<std::size_t>(j);
    if (!converged[i] || (j + 1 < sought && std::abs(values[i] - values[i + 1]) <= told_apart)) {
      pairs.degenerate_pair = j;
    }
  }
  values.resize(static_cast<std::size_t>(count));
  pairs.values = std::move(values);
  pairs.vectors = rows.allocate(count);
  std::copy_n(vectors.data(), pairs.vectors.size(), pairs.vectors.data());
  return pairs;
}

}  // namespace ntkflow
