#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

// Ridge regression in P random features of samples, whose products tend to a kernel as P grows, and
// what theory says of it at any P.
namespace ntkflow {

/// Numbers of features P for so many training samples: each multiple rounded to a whole number, at
/// least 1, none twice. Local.
std::vector<std::int64_t> feature_counts(std::span<const double> per_sample, std::int64_t samples);

/// The minimiser of |f(X) - y|^2 + ridge |theta|^2 among f = theta . phi, at the test points: one
/// column for each ridge, [M x R]. Local.
/// @param train  phi(X), [P x N];  @param test  phi of the test points, [P x M]
/// @param y  [N x 1];  @param ridges  > 0
/// @pre features are finite. Cost: 2 P N min(P, N) + 9 min(P, N)^3 flop.
Matrix<double> regress_on_features(const Matrix<double>& train, const Matrix<double>& test,
                                   const Matrix<double>& y, std::span<const double> ridges);

/// Regression on P Gaussian features of a kernel k: phi_1 ... phi_P independent draws of GP(0, k),
/// divided by sqrt(P). With K = k(X, X) and G = (K + e)^-1,
///
///     E f(x) = k(x, X) G y,   e = ridge + (e / P) tr K G,
///     Var f(x) = e' / P  y' K G^2 y  (k(x, x) - k(x, X) G (K + 2 e) G k(X, x)),   e' = de /
///     dridge.
///
/// So the mean is regression with the kernel itself and a larger ridge e, and the variance diverges
/// with e' at P = N where the ridge is zero. Exact as N and P grow together. Ref: Jacot, Simsek,
/// Spadaro, Hongler, Gabriel (2020), sections 4 (the mean and e) and 5 (the variance and e'). The
/// variance in full: given the features of X, f(x) is normal with the mean k(x, X) K^-1 f(X) and
/// the variance |theta|^2 / P (k(x, x) - k(x, X) K^-1 k(X, x)); then with H = (phi(X)' phi(X) +
/// ridge)^-1 and D = e' / P (tr of a matrix A with G K G), ridge^2 E H A H = e^2 (G A G + D G K G)
/// for A = K^-1 k(X, x) k(x, X) K^-1, and E |theta|^2 = e' y' K G^2 y, the derivative of
/// ridge E y' H y = e y' G y.
class GaussianFeatures {
 public:
  /// @param train  K, [N x N];  @param cross  k(X, test), [N x M];  @param diagonal  M values
  GaussianFeatures(const Matrix<double>& train, const Matrix<double>& cross,
                   std::span<const double> diagonal, const Matrix<double>& y,
                   const Matrix<double>& test_y);

  /// Mean of the diagonal of K.
  [[nodiscard]] double scale() const noexcept { return scale_; }
  /// e. Local. @pre ridge > 0
  [[nodiscard]] double effective_ridge(double ridge, std::int64_t features) const;
  /// Mean square of f - y over the test points for regression with the kernel itself. Local.
  [[nodiscard]] double kernel_error(double ridge) const;
  /// Expected mean square of f - y over the test points. Local.
  [[nodiscard]] double error(double ridge, std::int64_t features) const;

 private:
  LocalEigenSystem eigen_;
  Matrix<double> cross_;              // in the eigenbasis
  std::vector<double> cross_square_;  // mean over test points of its squares, N
  std::vector<double> y_;             // in the eigenbasis
  std::vector<double> test_y_;
  double scale_ = 0.0;
  double test_diagonal_ = 0.0;
};

}  // namespace ntkflow
