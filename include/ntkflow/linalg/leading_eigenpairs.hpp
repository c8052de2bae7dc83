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
  /// Products with a single vector after which power iteration gives up on a pair, and on those
  /// after it.
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
  /// power only: index in `values` of the first pair whose vector this method cannot tell, or -1:
  /// the next value is within 2 tolerance lambda_max of it, so that any mix of both vectors passes
  /// as one (exactly multiple values among them), or the iteration had not converged after
  /// most_steps, as when the next value is so near that vectors part too slowly; the pairs after
  /// that one are Ritz pairs of random vectors then, as their residuals say. The pair after the
  /// last wanted one is sought as well to tell this.
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
/// Lanczos starts from a random block; when all pairs have converged, another one orthogonal to
/// them looks for copies of multiple eigenvalues that were left out. Both methods end with a
/// product made anew, by which the pairs within their span are settled; residuals beyond the
/// tolerance then give directions for a few corrections (power: with `exact` only). The monitor is
/// asked after each product.
///
/// Pairs that do not converge are reported, not thrown. Throws NumericalError on all ranks where a
/// product is not finite, InterruptedError when the monitor of any rank asks to stop, ResourceError
/// when the projected problem exceeds LAPACK's 32-bit integers (about 10,900 pairs).
/// Memory per rank: Lanczos 1/P of lanczos_basis_size + 48 vectors (48 in work beside a product),
/// and at its end of lanczos_basis_size and the count + 128 at most that it hands on; afterwards
/// 1/P of 4 count + 128 at most. And whole vectors for the products, in blocks of 16 columns, with
/// `exact` of 128.
/// Ref: Golub, Underwood (1977), The block Lanczos method; Wu, Simon (2000), Thick-restart Lanczos.
LeadingEigenpairs leading_eigenpairs(const Communicator& comm, const LinearOperator& a,
                                     const LinearOperator* exact, const LeadingOptions& options,
                                     Monitor& monitor);

/// Vectors a Lanczos run keeps on all ranks together beside the answer, each of n values: n, or
/// 3 count + 160 where that is less. The projected problem takes 4 times the square of it on every
/// rank. Local.
std::int64_t lanczos_basis_size(std::int64_t n, std::int64_t count);

/// The smallest eigenvalue of A from products with (A + shift I)^-1: inverse iteration, by block
/// Lanczos on the inverse, which takes the square root of the steps.
struct SmallestEigenvalue {
  double value = 0.0;  ///< of A; 0 where nothing is known
  /// Bound: residual of the inverse's pair, and n eps (lambda_max + shift) for rounding of A +
  /// shift I and of its factor in double. Infinite where nothing is known: the inverse found has no
  /// positive eigenvalue, or its residual is as large.
  double error = 0.0;
  bool converged = false;   ///< the residual is at most 1e-9 of the inverse's eigenvalue
  std::int64_t solves = 0;  ///< columns that the inverse was applied to
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
