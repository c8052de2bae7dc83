#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/dynamics/initial_function.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>

namespace ntkflow {

/// Where sample paths of f_t start and what they are trained on. Columns are draws, the C outputs
/// of one beside each other; whole on every rank.
struct PathStarts {
  Matrix<double> test;      ///< f_0 at the test points, [M x k]
  Matrix<double> residual;  ///< y + noise - f_0 at the training points, [N x k]
};

/// Paths from draws f_0 of the network at initialisation. Local.
/// @param targets         y, [N x C]; column j of the draws is of output j mod C
/// @param noise_variance  of normal noise on the targets, one draw per path; a function of seed,
/// point and column alone
PathStarts start_paths(InitialValues initial, const Matrix<double>& targets, double noise_variance,
                       std::uint64_t seed);

/// What rounding did to variances: those that it made negative were raised to 0.
struct Clipping {
  double largest = 0.0;         ///< amount
  std::int64_t count = 0;       ///< of variances raised
  double rounding = 0.0;        ///< what rounding explains where the largest is
  double relative_bound = 0.0;  ///< what it explains at most, relative to the variance of f_0, of
                                ///< all variances
  /// Adds those of other variances.
  void add(const Clipping& other);
};

/// f_t at a block of b test points, whole on every rank but for the covariance.
struct GaussianLaw {
  Matrix<double> mean;           ///< [b x C]
  std::vector<double> variance;  ///< b values, of every output: outputs are independent and alike
  std::optional<DistMatrix<double>> covariance;  ///< [b x b], where asked for
  Matrix<double> paths;                          ///< [b x k]
  Clipping clipping;
};

/// The Gaussian law of f_t at test points x for networks of infinite width, all trained on y by
/// gradient flow from their own random initialisation f_0 ~ GP(0, KK):
///
///     A(x) = Theta(x, X) phi_t(Theta + ridge I),     mean = A y,
///     cov(x, x') = KK(x, x') - A(x) KK(X, x') - KK(x, X) A(x')^T + A(x) KK(X, X) A(x')^T,
///
/// with phi_t as in flow_filter, 1/lambda at t = infinity. Where all layers are trained Theta is
/// the NTK and KK the NNGP kernel. Where the last one alone is, Theta is KK, and the ridge is the
/// variance of noise on the targets, as for a Gaussian process: ridge A(x) A(x')^T is added to the
/// covariance, which at t = infinity is then that of the process given the data. At t = 0 the law
/// is that at initialisation, exactly. Test points are taken block by block; nothing here is larger
/// than N x N or N x b but the covariance of a block. Ref: Lee et al. (2019), sections 2.2 and 2.3.
class GaussianFlow {
 public:
  /// Collective over the grid of theta.
  ///
  /// @param theta    the factor of Theta(X, X) + ridge I, which serves t = 0 and t = infinity
  /// alone,
  ///                 or the eigensystem of Theta(X, X), which serves all times. Modes whose lambda
  ///                 + ridge is zero to rounding never move, as in GradientFlow.
  /// @param prior    KK(X, X), both triangles, or nothing where Theta is KK. With eigenvectors it
  ///                 is turned into their basis, which takes another matrix of its size.
  /// @param ridge    absolute
  /// @param targets  y, [N x C], whole on every rank
  GaussianFlow(std::variant<CholeskyFactor<double>, EigenSystem<double>> theta,
               std::optional<DistMatrix<double>> prior, double ridge, const Matrix<double>& targets,
               PathStarts paths = {});

  /// Test points as the flow works with them.
  struct Block {
    std::int64_t begin = 0;        ///< position of the first in the test set
    DistMatrix<double> theta;      ///< V^T Theta(X, x), or (Theta + ridge I)^-1 Theta(X, x)
    DistMatrix<double> prior;      ///< V^T KK(X, x), or KK(X, x)
    std::vector<double> variance;  ///< KK(x, x)
  };
  /// Takes the kernels of b test points. Collective over the grid.
  ///
  /// @param begin     position of the first, by which paths find their f_0
  /// @param theta     Theta(X, x), [N x b], of the training matrices' grid and block size
  /// @param prior     KK(X, x) likewise; nothing where Theta is KK
  /// @param variance  KK(x, x), b values
  [[nodiscard]] Block block(std::int64_t begin, DistMatrix<double> theta,
                            std::optional<DistMatrix<double>> prior,
                            std::vector<double> variance) const;

  /// The law at time t, absolute, which must be 0 or infinite with a Cholesky factor. Collective
  /// over the grid.
  /// @param prior_covariance  KK(x, x') of the block, [b x b], lower triangle: asks for the
  /// covariance
  [[nodiscard]] GaussianLaw law(
      const Block& block, double t,
      std::optional<DistMatrix<double>> prior_covariance = std::nullopt) const;

 private:
  [[nodiscard]] const EigenSystem<double>* eigen() const {
    return std::get_if<EigenSystem<double>>(&theta_);
  }
  [[nodiscard]] const DistMatrix<double>& training_matrix() const;
  /// A^T of the block, in the basis.
  [[nodiscard]] DistMatrix<double> coefficients(const Block& block, double t) const;
  /// (KK + noise I) A^T, in the basis.
  [[nodiscard]] DistMatrix<double> image(const Block& block, const DistMatrix<double>& coefficients,
                                         double t) const;
  /// By how much Theta + ridge I magnifies rounding in A until t: its largest eigenvalue times the
  /// largest phi_t, its condition number at t = infinity.
  [[nodiscard]] double condition(double t) const;
  struct Variances {
    std::vector<double> values;
    Clipping clipping;
  };
  [[nodiscard]] Variances variances(const Block& block, const DistMatrix<double>& coefficients,
                                    const DistMatrix<double>& image, double t) const;

  std::variant<CholeskyFactor<double>, EigenSystem<double>> theta_;
  std::optional<DistMatrix<double>> prior_;  ///< V^T KK V, or KK; nothing where Theta is KK
  double ridge_;
  std::int64_t outputs_;
  Matrix<double> initial_;                    ///< f_0 of the paths at the test points
  double largest_ = 1.0;                      ///< eigenvalue of Theta + ridge I, and
  double least_ = 1.0;                        ///< that outside its null space; the ratio counts
  std::optional<DistMatrix<double>> values_;  ///< targets and residuals of paths, in the basis
};

}  // namespace ntkflow
