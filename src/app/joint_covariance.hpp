#pragma once

#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>

#include "stages.hpp"

namespace ntkflow::app {

/// What `attempt` makes of the covariance of all points, a variant with NotPositiveDefinite, and
/// what was added to the diagonal for a second attempt where the first failed and that is allowed.
/// Collective over the grid.
/// @param kernel   between all points
/// @param attempt  called with the covariance, lower triangle filled, which is its own
template <class Attempt>
auto with_covariance(const KernelMatrix<double>& kernel, SingularCovariance singular,
                     Monitor& monitor, Attempt&& attempt) {
  double jitter = 0.0;
  const auto try_it = [&] {
    auto covariance = kernel.assemble_symmetric(Triangle::lower, monitor);
    for_each_diagonal(covariance, [&](std::int64_t, double& value) { value += jitter; });
    return attempt(std::move(covariance));
  };
  auto outcome = try_it();
  if (std::holds_alternative<NotPositiveDefinite>(outcome) &&
      singular == SingularCovariance::jittered) {
    // What rounding may have taken from the smallest eigenvalue: points * epsilon * mean.
    const std::vector<double> diagonal = kernel.column_diagonal();
    jitter = std::numeric_limits<double>::epsilon() *
             std::accumulate(diagonal.begin(), diagonal.end(), 0.0);
    outcome = try_it();
  }
  return std::pair(std::move(outcome), jitter);
}

/// Throws the NumericalError of a covariance without a factor. Local.
/// @param what    of the sentence, up to "the ... covariance"
/// @param remedy  what to do instead of removing the sample
[[noreturn]] void refuse_covariance(const std::string& what, const NotPositiveDefinite& failure,
                                    std::int64_t train_size, double jitter,
                                    const std::string& remedy);

}  // namespace ntkflow::app
