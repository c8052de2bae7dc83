#pragma once

#include <cstdint>

#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

namespace ntkflow {

/// Factors A = L L^T in place: a right-looking blocked Cholesky on ScaLAPACK's layout, one block
/// column of the distribution at a time. Collective over the grid.
///
/// While all ranks apply panel k to the trailing matrix, panel k + 1 is already factored (its
/// process column updates it first) and on its way along the process rows: look-ahead of one panel.
/// Ref: Petitet, Whaley, Dongarra, Cleary, HPL (2018), which does the same for LU.
///
/// @param a  [n x n], lower triangle read and overwritten by L; the strict upper one is not
/// touched.
/// @return   0, or the order (1-based) of the first leading minor that is not positive or not a
/// number, where the factorisation stopped; the same on all ranks.
/// Reports progress at every panel, in parts of n^3. Asks at every panel, on the rank that holds
/// its diagonal block, whether to stop: InterruptedError on all ranks. Throws ResourceError, on all
/// ranks, when memory for the panels is short or one of them is too large for an MPI message.
template <class Real>
std::int64_t factor_lookahead(DistMatrix<Real>& a, Monitor& monitor);

}  // namespace ntkflow
