#pragma once

#include <cstdint>

// Everything in the plans that was measured or chosen and not derived from sizes. To fit it anew,
// run `ntkflow run` at several N on one and two ranks of an idle machine, which prints predicted
// beside actual seconds and memory.
namespace ntkflow::app {

// Memory.

/// Memory of a rank beside all arrays, as measured: program, libraries and MPI's own buffers; and
/// what BLAS keeps to pack the operands of large products.
inline constexpr std::int64_t kProgramBytes = std::int64_t{30} << 20;
inline constexpr std::int64_t kPackingBytes = std::int64_t{6} << 20;

/// Work per kernel value beside its inner product, in flop of a matrix product that take as long:
/// one function of the correlation, or the recursion layer by layer.
inline constexpr double kFusedFlop = 110.0;
inline constexpr double kLayerFlop = 110.0;

/// Solves with one column that the condition estimate takes: at most 11, seldom more than this.
inline constexpr double kConditionSolves = 5.0;
/// Steps of refinement that mixed precision takes where the kernel matrix is not singular to
/// single precision.
inline constexpr double kRefinementSteps = 2.0;
/// Applications of K, each of two blocks of columns, until the Krylov space with an inverse is
/// large enough; without one, of one block.
inline constexpr double kApplications = 22.0;
inline constexpr double kApplicationsWithoutInverse = 64.0;
/// The same of the space of a ridge path, whose blocks are wider.
inline constexpr double kApplicationsOfPath = 40.0;
/// Flop of a symmetric eigenproblem of order m, over m^3; its rate, of the matrix-product rate.
inline constexpr double kEigenproblemFlop = 5.0;
inline constexpr double kEigenproblemRate = 0.25;
/// Columns of the product that checks the flow at the end.
inline constexpr std::int64_t kCheckedColumns = 33;
/// How often Lanczos fills its basis; the columns of its products.
inline constexpr double kLanczosFillings = 1.2;
inline constexpr int kLanczosBlock = 16;
/// Steps of power iteration for a pair, and products of all pairs with the exact matrix where the
/// stored one is rounded.
inline constexpr double kPowerSteps = 500.0;
inline constexpr double kExactProducts = 3.0;
inline constexpr std::int64_t kExactColumns = 128;  // at most at a time
/// Columns that are solved for to find the smallest eigenvalue, and at a time.
inline constexpr double kInverseColumns = 150.0;
inline constexpr double kInverseBlock = 4.0;

// Time.

// Fractions of the measured rates that the parts of a run reach, and the few rates that are not
// measured. Fitted to the timings of `ntkflow run` on MNIST with p?potrf and p?syevd (N = 4,000 and
// 10,000, M = 2,000 and 10,000; one and two ranks, OpenBLAS 0.3.21, AVX-512); those of the
// look-ahead factorisation, of mirroring, of stored products and of messages are estimates.

/// First use of hundreds of megabytes against that of the calibration's buffer, which is apt to get
/// pages that are still warm; virtual machines are slowest here, and least steady. And the rate, in
/// bytes/s, that is taken at least.
inline constexpr double kFreshMemory = 0.1;
inline constexpr double kLeastFreshRate = 0.4e9;
/// Inner products of a tile of 512 x 256 kernel values, of the rate of a large matrix product.
inline constexpr double kTileProduct = 0.9;
/// Columns at which a product with few of them reaches half of the matrix-product rate.
inline constexpr double kThinColumns = 30.0;
/// The update behind a panel, of the matrix-product rate; and the panel itself.
inline constexpr double kLookaheadUpdate = 0.9;
inline constexpr double kScalapackUpdate = 0.8;
inline constexpr double kPanel = 0.2;
/// What of the panel look-ahead does not hide.
inline constexpr double kPanelSeen = 0.5;
/// Thin triangular solves and stored products against reading the matrix once per pass; where many
/// columns make them compute, kThinColumns holds.
inline constexpr double kSolveRead = 0.6;
inline constexpr double kStoredRead = 0.7;
/// p?syevd: the reduction reads the trailing matrix once per column; the rest are products.
inline constexpr double kReductionRead = 0.9;
inline constexpr double kReductionFlop = 2.0 / 3.0;
inline constexpr double kBackTransformFlop = 4.0;
inline constexpr double kEigenProduct = 0.7;
/// Broadcasts and sums of p?syevd per column.
inline constexpr double kEigenMessages = 6.0;
/// Products of distributed matrices.
inline constexpr double kLargeProduct = 0.8;
/// Copying between triangles, which strides through one of them.
inline constexpr double kMirrorRead = 0.3;
/// Samples, counted in doubles: surveyed once by all ranks, with decompression and hashing; loaded
/// by each rank for its rows and columns; results written.
inline constexpr double kSurveyRate = 350e6;
inline constexpr double kLoadRate = 600e6;
inline constexpr double kWriteRate = 500e6;

}  // namespace ntkflow::app
