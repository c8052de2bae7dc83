#pragma once

#include <cstddef>
#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/experiment/options.hpp>

namespace ntkflow {

/// Different corners of the cube {-1, 1}^d, [d x count], a function of the seed and the stream's
/// number. Local. @pre count is at most half of 2^dimension.
Matrix<double> different_corners(std::int64_t dimension, std::int64_t count, std::uint64_t seed,
                                 std::uint64_t stream);
/// Corners that are none of those taken, with repetitions, likewise. Local.
/// @param taken  at most half of all, [d x n]
Matrix<double> other_corners(const Matrix<double>& taken, std::int64_t count, std::uint64_t seed,
                             std::uint64_t stream);

/// The samples of one training set of sample-complexity.
struct CubeSamples {
  Matrix<double> train;  ///< different corners, [d x N]
  Matrix<double> test;   ///< others, [d x M]
};
/// Local. @param ratio  its position among those of the options
CubeSamples cube_samples(const SampleComplexityOptions& options, std::int64_t dimension,
                         std::size_t ratio, std::int64_t draw);

/// x_1 x_2 of each sample, [n x 1]. Local.
Matrix<double> product_of_two(const Matrix<double>& x);

/// The network of one hidden layer of four units of ReLU that is x_1 x_2 on the cube:
///
///     x_1 x_2 = (|x_1 + x_2| - |x_1 - x_2|) / 2,   |z| = relu(z) + relu(-z),
///
/// in the parametrisation whose limit the kernels are, at some samples: [n x 1]. Local. Ref: Wei,
/// Lee, Liu, Ma (2019), section 2.
Matrix<double> four_unit_network(const Matrix<double>& x);

}  // namespace ntkflow
