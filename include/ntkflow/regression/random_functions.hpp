#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>

namespace ntkflow {

/// Weights w [P x C] of the linear model of P functions
///
///     f(x) = f_0(x) + sum_p w_p f^(p)(x),   w_p = P^(-1/2) theta_p,
///
/// whose theta minimise |y - f(X)|^2 + ridge |theta|^2 over the training points, and without a
/// ridge are of least norm: kernel regression with the kernel P^-1 sum_p f^(p) f^(p). Where the
/// functions are independent draws of a Gaussian process, or of anything of its covariance, that
/// kernel approaches the covariance as P grows. Ref: Jacot, Gabriel, Hongler (2018), section 4.1;
/// Rahimi, Recht (2007).
///
/// Solves the smaller of the two normal equations, N x N or P x P: with a ridge by Cholesky;
/// without one, or where that fails, by eigenvectors, of which those with eigenvalues that are zero
/// to rounding (<= n eps times the largest) are left out. A squared matrix is solved, so that where
/// P is near N and there is no ridge, singular values below sqrt(n eps) of the largest count as
/// zero.
///
/// @param values    f^(p)(x_i), [N x P], one function in each column
/// @param residual  y - f_0(X), [N x C], whole on every rank
/// @param ridge     absolute
/// @return          w, whole on every rank. Collective over the grid. Throws NumericalError where
/// the eigensolver fails. Cost: 2 N P min(N, P) flop, and a factorisation or an eigensystem of the
/// smaller order.
Matrix<double> fit_functions(const DistMatrix<double>& values, const Matrix<double>& residual,
                             double ridge, Monitor& monitor);

/// Values of draws of a Gaussian process at all points, [points x count], one in each column:
/// L z with covariance = L L^T, z standard normal. Function p is one of seed, draw and p alone, on
/// any number of ranks and whatever the count. Collective over the factor's grid.
DistMatrix<double> draw_functions(const CholeskyFactor<double>& covariance, std::int64_t count,
                                  std::uint64_t seed, std::uint64_t draw);

/// The part [rows x cols] at the upper left of a matrix, copied. Local.
DistMatrix<double> leading_part(const DistMatrix<double>& a, std::int64_t rows, std::int64_t cols);

/// A X for X [n x k] with n up to A's columns, given and returned whole on every rank; those of A
/// beyond n have no part. Collective over the grid.
Matrix<double> multiply_leading(const DistMatrix<double>& a, const Matrix<double>& x);

/// Mean over repetitions of the slope of log error over log size, with its standard error, which is
/// NaN of fewer than two.
struct PowerOfSize {
  double slope = 0.0;
  double standard_error = 0.0;
};
/// A line is fitted for each repetition: errors within one, which shares its functions, are not
/// independent. Errors that are not positive, such as the zero of a prediction met exactly, have no
/// logarithm and are left out, as is a repetition with fewer than two others; nothing where none
/// is left. Local.
/// @param sizes  ascending, without repetition  @param error  [sizes x repetitions]
std::optional<PowerOfSize> power_of_size(std::span<const std::int64_t> sizes,
                                         MatrixView<const double> error);

}  // namespace ntkflow
