#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

// All corners of the boolean cube, and the parities chi_S(x) = prod_{j in S} x_j as eigenvectors of
// a matrix over them.
namespace ntkflow {

/// All corners, [d x 2^d]: coordinate j of corner i is -1 where bit j of i is set. Local.
Matrix<double> all_corners(std::int64_t dimension);

/// The largest |K chi_S / n - mu_|S| chi_S| over all n = 2^d parities and all corners, over the
/// largest |mu_k|. All products K chi_S are the Walsh-Hadamard transforms of K's columns, so that
/// the whole eigensystem is checked in n^2 log2 n additions. Collective over the matrix's grid.
/// @param kernel       over all_corners(d), symmetric, whole columns on each rank; used up
/// @param eigenvalues  mu_0 ... mu_d, one of them not 0
double parity_residual(DistMatrix<double> kernel, const std::vector<double>& eigenvalues);

}  // namespace ntkflow
