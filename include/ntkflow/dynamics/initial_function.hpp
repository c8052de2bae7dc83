#pragma once

#include <cstdint>
#include <variant>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>

namespace ntkflow {

/// Values of f_0 on training and test points, whole on every rank: [N x C] and [M x C].
struct InitialValues {
  Matrix<double> train;
  Matrix<double> test;
};

/// f_0 = L z with covariance = L L^T, z standard normal: an exact draw from the Gaussian process of
/// the network at initialisation, one independent draw per output. z is a function of seed, point
/// and output alone, so that the draw does not depend on the number of ranks, and the values on the
/// training set not on the test set. Collective over the grid.
///
/// @param covariance  NNGP kernel of the training points followed by the test points, [(N + M) x (N
/// + M)], lower triangle;
///                    consumed.
/// @return            the draw, or the order of the first minor that is not positive (a repeated
/// point, say). Ref: Lee et al. (2018), section 2.
std::variant<InitialValues, NotPositiveDefinite> draw_gaussian_process(
    DistMatrix<double> covariance, std::int64_t train_size, std::int64_t outputs,
    std::uint64_t seed, Monitor& monitor);

}  // namespace ntkflow
