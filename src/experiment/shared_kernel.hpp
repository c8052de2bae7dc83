#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <ntkflow/base/monitor.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/regression/fit.hpp>

#include "limiting_kernel.hpp"

// What the studies of kernels have in common whose matrices all ranks share.
namespace ntkflow {

/// All ranks as the grid that suits a factorisation. Collective over comm.
std::shared_ptr<const ProcessGrid> shared_grid(const Communicator& comm);

/// The limiting kernels of matrices of n samples, shared by the ranks of a grid in blocks that suit
/// factors and eigenvectors. Local.
LimitingKernel shared_kernel(const Architecture& architecture,
                             const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n);

/// Training for ever with targets y [N x C]; the lower triangle is all that is stored. Collective
/// over the kernel's grid. Throws NumericalError, which names the ridge that would do, where
/// K + ridge I is not positive definite.
/// @param ridge  in units of the mean diagonal element
/// @param key    what the configuration calls the ridge, for the message; empty: it has none
RegressionFit fit_shared(const KernelMatrix<double>& kernel, const Matrix<double>& y, double ridge,
                         const std::string& key, Monitor& monitor);

/// Eigensystem of K, whose largest eigenvalue is positive. Collective over the kernel's grid.
/// Throws NumericalError where the solver fails and where K is zero.
EigenSystem<double> shared_eigensystem(const KernelMatrix<double>& kernel, Monitor& monitor);

/// Throws InterruptedError on all ranks when one of them was asked to stop. Collective over comm.
void stop_if_asked(const Communicator& comm, const Monitor& monitor);

/// Throws ConfigError where training or test samples have no classes. Local.
void require_classes(const StudyProblem& problem);

/// The claim that a value lies in [low, high]. Local.
Claim within(std::string statement, double value, double low, double high);

// Memory on the rank that needs most, in bytes, infinite beyond all machines. All Local.

/// The program, the samples and targets whole on every rank, and those of its rows and columns of
/// the kernel of the training samples and of that with the test samples.
/// @param activation  and depth of the network
double samples_bytes(const DataShape& shape, const ActivationSpec& activation, std::int64_t depth,
                     int ranks);
/// One matrix [n x n].
double matrix_bytes(std::int64_t n, int ranks);
/// A matrix that becomes its Cholesky factor.
double factor_bytes(std::int64_t n, int ranks);
/// A matrix that is turned into its eigenvectors.
double eigensystem_bytes(std::int64_t n, int ranks);

}  // namespace ntkflow
