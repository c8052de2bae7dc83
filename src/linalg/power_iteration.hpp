#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>

#include "shared_rows.hpp"

namespace ntkflow {

/// What power iteration finds, in the order in which it does.
struct PowerPairs {
  Matrix<double> vectors;             ///< orthonormal, this rank's rows of [n x count]
  std::int64_t degenerate_pair = -1;  ///< as in LeadingEigenpairs: by falling value
};

/// The leading pairs of A one after the other: a random vector is multiplied by A and freed of the
/// pairs before it until its residual there is half the tolerance, or most_steps are over. Then it
/// ends: the vectors after that one are random.
///
/// One pair more than wanted is sought, so that it shows when the last one is degenerate.
/// Collective over the communicator of `rows` and the operator's ranks. Throws as
/// leading_eigenpairs.
PowerPairs power_iteration(const SharedRows& rows, const LinearOperator& a,
                           const LeadingOptions& options, Monitor& monitor);

}  // namespace ntkflow
