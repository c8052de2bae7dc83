#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/dynamics/options.hpp>
#include <ntkflow/linalg/block_krylov.hpp>
#include <ntkflow/linalg/linear_operator.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

namespace ntkflow {

/// The kernel matrix K as a Krylov flow uses it. Needed while the flow is built, not later.
struct KrylovOperators {
  const LinearOperator* products = nullptr;  ///< K; with these products the space is built
  const LinearOperator* inverse = nullptr;   ///< near (K + ridge I)^-1, or null: products alone
  /// K to double precision, applied once to a few columns to measure the error of `products`; null
  /// where these are in double themselves.
  const LinearOperator* exact = nullptr;
  double trace = 0.0;  ///< of K
  /// Unit roundoff of the stored values that `products` uses; says when more steps cannot help.
  double roundoff = 0.0;
};

/// How a Krylov flow was built; the same on all ranks.
struct KrylovReport {
  std::int64_t products = 0;        ///< applications of K, to one or two blocks each
  std::int64_t solves = 0;          ///< applications of the inverse, to one block each
  std::int64_t exact_products = 0;  ///< applications of the exact K
  std::int64_t dimension = 0;       ///< of the space
  /// Whether the estimate of what the space leaves out fell below the tolerance, or below the error
  /// of the products themselves, at all sampled times, or the space is the whole. A space that
  /// ended for want of new directions has converged only if its estimate says so: with an
  /// approximate inverse it may leave something out.
  bool converged = false;
  /// Largest over outputs and times, also some between the times asked for and before them, of
  /// |K A_t + ridge A_t + p_t(K + ridge I) r - r| / |r| with the products used: the defect of the
  /// rule's own identity, both terms from the space.
  double identity_error = 0.0;
  // Wall time, the maximum over the ranks.
  double product_seconds = 0.0;
  double solve_seconds = 0.0;
  double orthogonalisation_seconds = 0.0;
  double estimate_seconds = 0.0;  ///< including the projected eigenproblems and the exact product
};

/// Training projected on an extended block Krylov space of the residual: no eigensolve of K,
/// and no factorisation beyond the closed form's own.
///
///     A_t = Q phi_t(H) Q^T r,   H = Q^T (K + ridge I) Q.
///
/// All times come from one basis. The space starts with r and (K + ridge I)^-1 r, and with one
/// random vector that finds lambda_max whatever r is. It grows until its error estimate is below
/// the tolerance at all times. As in GradientFlow, Ritz values that are zero to rounding do not
/// move. Steps of an optimizer commute with the projection: s of them are a polynomial of degree
/// s - 1 in K, exact in a space of s blocks.
class KrylovFlow : public Flow {
 public:
  /// Collective over comm, which must outlive the flow, and over the operators' ranks.
  ///
  /// @param residual     r = y - f_0(X), [N x C], whole on every rank
  /// @param closed_form  (K + ridge I)^-1 r as accurate as it is known, or null: the inverse is
  /// applied. Read with an inverse only.
  /// @param ridge        absolute
  /// Throws NumericalError when an operator gives values that are not finite, or when times are in
  /// units of 1 / lambda_max and this is zero to rounding beside the ridge; ConfigError as soon as
  /// a learning rate shows as unstable that must not be; InterruptedError when the monitor asks to
  /// stop; all on all ranks.
  KrylovFlow(const Communicator& comm, const KrylovOperators& operators,
             const Matrix<double>& residual, const Matrix<double>* closed_form, double ridge,
             const DynamicsOptions& options, Monitor& monitor);

  [[nodiscard]] double lambda_max() const override { return lambda_max_; }
  /// For an optimizer the learning rate is absolute.
  [[nodiscard]] const TrainingRule& rule() const override { return rule_; }
  /// Ritz values and the residual along their vectors.
  [[nodiscard]] TrainedModes modes() const override;
  [[nodiscard]] Matrix<double> coefficients(std::span<const double> points) const override;
  /// K A_t with the products that built the space: where these are in single precision, the error
  /// of one such product comes on top of the estimate.
  [[nodiscard]] Matrix<double> train_increment(std::span<const double> points) const override;

  /// The times asked for, absolute, or numbers of steps.
  [[nodiscard]] const std::vector<double>& times() const { return times_; }
  /// For each of them an estimate of max |f_t(x) - exact f_t(x)| over test points and outputs, on
  /// the safe side: see krylov_estimate.hpp in the sources. Infinite where f_t overflows.
  [[nodiscard]] const std::vector<double>& error_estimate() const { return error_estimate_; }
  [[nodiscard]] const KrylovReport& report() const { return report_; }

 private:
  /// The projected problem: eigensystem of H and U^T Q^T r.
  struct Projected {
    LocalEigenSystem eigen;
    Matrix<double> modes;  ///< [m x C]
  };
  struct Estimator;

  /// Solved on rank 0, so that all ranks have the same bits. Collective.
  [[nodiscard]] Projected project() const;
  /// Coordinates of A_t in the basis, [m x (T C)]. A space without vectors gives none. Collective.
  [[nodiscard]] Matrix<double> coordinates(const Projected& projected,
                                           std::span<const double> points) const;
  /// Takes lambda_max of K as the unit of times and learning rate.
  void set_unit(const DynamicsOptions& options, double largest);
  /// The factor by which the fastest mode grows in a step of training that diverges, else 1.
  [[nodiscard]] double growth() const;
  /// The first of the sampled points, without those that overflow.
  [[nodiscard]] std::vector<double> finite_samples(const std::vector<std::size_t>& samples) const;

  const Communicator* comm_;
  std::int64_t n_;
  std::int64_t outputs_;
  double ridge_;
  ShiftedOperator shifted_;  ///< K + ridge I
  std::optional<BlockKrylov> space_;
  Projected projected_;
  double lambda_max_ = 0.0;
  TrainingRule rule_;
  std::vector<double> times_;
  std::vector<double> error_estimate_;
  KrylovReport report_;
};

/// The most basis vectors m that a flow of n points and so many outputs may use; each takes 16 n
/// bytes over all ranks. Every rank holds 3 m^2 values of 8 bytes besides: the projection and two
/// sets of eigenvectors; rank 0 another 2 m^2 of workspace for the eigensolver, whose 32-bit size
/// limits m to 32,766. Local.
std::int64_t krylov_most_columns(std::int64_t n, std::int64_t outputs, bool has_inverse);

}  // namespace ntkflow
