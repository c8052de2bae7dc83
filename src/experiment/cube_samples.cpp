#include "cube_samples.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/finite/network.hpp>

namespace ntkflow {

namespace {

RandomStream corners(std::uint64_t seed, std::uint64_t stream) {
  return {seed, hash_text("ntkflow.experiment.corners") + stream};
}

std::vector<double> corner(const RandomStream& random, std::int64_t dimension,
                           std::int64_t number) {
  std::vector<double> x;
  for (std::int64_t j = 0; j < dimension; ++j) {
    const std::uint64_t word =
        random.bits(static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(j / 64));
    x.push_back((word >> (j % 64)) % 2 == 0 ? -1.0 : 1.0);
  }
  return x;
}

}  // namespace

Matrix<double> different_corners(std::int64_t dimension, std::int64_t count, std::uint64_t seed,
                                 std::uint64_t stream) {
  const RandomStream random = corners(seed, stream);
  Matrix<double> x(dimension, count);
  std::set<std::vector<double>> seen;
  for (std::int64_t number = 0; std::ssize(seen) < count; ++number) {
    const auto [drawn, is_new] = seen.insert(corner(random, dimension, number));
    if (is_new) {
      std::copy(drawn->begin(), drawn->end(), x.column(std::ssize(seen) - 1));
    }
  }
  return x;
}

Matrix<double> other_corners(const Matrix<double>& taken, std::int64_t count, std::uint64_t seed,
                             std::uint64_t stream) {
  const RandomStream random = corners(seed, stream);
  const std::int64_t dimension = taken.rows();
  std::set<std::vector<double>> excluded;
  for (std::int64_t i = 0; i < taken.cols(); ++i) {
    excluded.emplace(taken.column(i), taken.column(i) + dimension);
  }
  Matrix<double> x(dimension, count);
  for (std::int64_t number = 0, found = 0; found < count; ++number) {
    const std::vector<double> drawn = corner(random, dimension, number);
    if (!excluded.contains(drawn)) {
      std::copy(drawn.begin(), drawn.end(), x.column(found));
      ++found;
    }
  }
  return x;
}

CubeSamples cube_samples(const SampleComplexityOptions& options, std::int64_t dimension,
                         std::size_t ratio, std::int64_t draw) {
  // Dimensions are below 2^13 and draws below 2^20, so that every set has a stream of its own.
  const std::uint64_t stream = (((static_cast<std::uint64_t>(dimension) << 20) + ratio) << 21) +
                               2 * static_cast<std::uint64_t>(draw);
  Matrix<double> train = different_corners(dimension, train_size(dimension, options.ratios[ratio]),
                                           options.seed, stream);
  Matrix<double> test = other_corners(train, options.test_size, options.seed, stream + 1);
  return {std::move(train), std::move(test)};
}

Matrix<double> product_of_two(const Matrix<double>& x) {
  Matrix<double> y(x.cols(), 1);
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    y(i, 0) = x(0, i) * x(1, i);
  }
  return y;
}

Matrix<double> four_unit_network(const Matrix<double>& x) {
  constexpr std::int64_t kUnits = 4;
  struct Unit {
    double first;   // weight of x_1
    double second;  // weight of x_2
    double out;
  };
  constexpr std::array<Unit, kUnits> kNetwork{
      {{1.0, 1.0, 0.5}, {-1.0, -1.0, 0.5}, {1.0, -1.0, -0.5}, {-1.0, 1.0, -0.5}}};
  const Architecture architecture{2, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised};
  Network<double> network(architecture, {x.rows(), kUnits, 1}, {});
  network.weights(0) = Matrix<double>(kUnits, x.rows());
  for (std::int64_t k = 0; k < kUnits; ++k) {
    const Unit& unit = kNetwork[static_cast<std::size_t>(k)];
    network.weights(0)(k, 0) = unit.first / network.weight_scale(0);
    network.weights(0)(k, 1) = unit.second / network.weight_scale(0);
    network.weights(1)(0, k) = unit.out / network.weight_scale(1);
  }
  return network.evaluate(x.view());
}

}  // namespace ntkflow
