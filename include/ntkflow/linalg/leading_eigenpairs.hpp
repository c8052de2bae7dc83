#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// How leading eigenpairs are found without a full eigensolve.
///   lanczos  thick-restart block Lanczos
///   power    one pair after the other by power iteration with deflation, the textbook baseline
enum class LeadingMethod { lanczos, power };

struct LeadingOptions {
  LeadingMethod method = LeadingMethod::lanczos;
  std::int64_t count = 10;   ///< pairs wanted, 1 <= count <= n
  double tolerance = 1e-10;  ///< of |A v - lambda v| / lambda_max
  std::uint64_t seed = 0;    ///< of the random start
  /// Products with a single vector after which power iteration gives up on a pair.
  std::int64_t most_steps = 10'000;
};

/// The largest eigenvalues of a symmetric positive semidefinite matrix A [n x n] and their vectors,
/// with what is known of their errors. Numbers are the same on all ranks.
struct LeadingEigenpairs {
  std::vector<double> values;  ///< descending
  Share rows;                  ///< the rows of the vectors that this rank holds
  Matrix<double> vectors;      ///< orthonormal, [rows.size() x count] here
  /// |A v - lambda v|_2 / lambda_max of each pair, from products made anew with the exact A.
  std::vector<double> residual;
  double orthogonality = 0.0;  ///< max |V^T V - I|
  /// Pairs from the first on whose residual is within the tolerance; `values` may hold more.
  std::int64_t converged = 0;
  /// power only: index of the first pair whose value is too near the next one to be told from it
  /// (the iteration stood still between both); -1: none.
  std::int64_t degenerate_pair = -1;
  std::int64_t products = 0;        ///< columns that A was applied to
  std::int64_t exact_products = 0;  ///< of these with `exact`
  std::int64_t restarts = 0;
  double product_seconds = 0.0;  ///< wall time, the maximum over the ranks
};

/// Collective over comm and the operators' ranks.
///
/// @param a      the products that are cheap: with the stored matrix, perhaps in single precision
/// @param exact  A to double precision, where `a` is not, or null: pairs are first found with `a`
///               and then corrected with as few products of `exact` as the tolerance takes;
///               residuals are those with `exact`.
/// Pairs that do not converge are reported, not thrown. Throws NumericalError on all ranks where a
/// product is not finite, InterruptedError when the monitor asks to stop.
/// Ref: Golub, Underwood (1977), The block Lanczos method; Wu, Simon (2000), Thick-restart Lanczos.
LeadingEigenpairs leading_eigenpairs(const Communicator& comm, const LinearOperator& a,
                                     const LinearOperator* exact, const LeadingOptions& options,
                                     Monitor& monitor);

/// Vectors a Lanczos run keeps on all ranks together beside the answer, each of n values; the
/// projected problem takes 4 times the square of it on every rank. Local.
std::int64_t lanczos_basis_size(std::int64_t n, std::int64_t count);

/// The smallest eigenvalue of A from products with (A + shift I)^-1, by inverse iteration.
struct SmallestEigenvalue {
  double value = 0.0;  ///< of A
  double error = 0.0;  ///< bound: residual of the inverse's pair and rounding of the shift
  bool converged = false;
  std::int64_t solves = 0;
};

/// Collective over comm and the operator's ranks. Throws as leading_eigenpairs.
/// @param inverse     near (A + shift I)^-1
/// @param lambda_max  of A, for the bound of rounding
SmallestEigenvalue smallest_eigenvalue(const Communicator& comm, const LinearOperator& inverse,
                                       double shift, double lambda_max, std::uint64_t seed,
                                       Monitor& monitor);

/// H A H for H = I - 1 1^T / n: the kernel of features with their mean taken off. A must outlive
/// it. Ref: Schoelkopf, Smola, Mueller (1998), appendix A.
class CentredOperator : public LinearOperator {
 public:
  explicit CentredOperator(const LinearOperator& a) : a_(&a) {}

  [[nodiscard]] std::int64_t size() const override { return a_->size(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override;

 private:
  const LinearOperator* a_;
};

}  // namespace ntkflow
