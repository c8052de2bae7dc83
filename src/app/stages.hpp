#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/dynamics/initial_function.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

#include "problem.hpp"
#include "report.hpp"

// The stages of `run`, in the order in which it calls them. All are collective over the run's
// ranks.
namespace ntkflow::app {

/// The state that the stages of one run share.
struct Run {
  const Communicator& comm;
  Problem problem;
  Report& report;
  ResultFile file;
  TrainingKernel<double> training;
  std::optional<KernelMatrix<double>> test;  ///< absent without a test set
  std::vector<double> diagonal;              ///< of K, without the ridge
  InitialValues initial;
  Matrix<double> residual;           ///< y - f_0 on the training set, [N x C]
  double ridge = 0.0;                ///< absolute
  double mean_diagonal = 0.0;        ///< trace(K)/N, for a ridge that is relative to it
  Matrix<double> test_prediction{};  ///< of the regression, [M x C]

  [[nodiscard]] const SplitInfo& split(Split which) const { return problem.dataset->split(which); }
};

/// The kernel matrix as stored and, where there is a regression, its factor: what the Krylov method
/// and leading eigenpairs work with.
struct SolvedKernel {
  std::shared_ptr<const void> memory;        ///< what the operators refer to
  std::unique_ptr<LinearOperator> products;  ///< with K, without the ridge
  double frobenius = 0.0;                    ///< |K|_F, where leading eigenpairs are asked for
  /// (K + ridge I)^-1, in the factor's precision; null, as what follows is empty, without one.
  std::unique_ptr<LinearOperator> inverse;
  Matrix<double> coefficients;  ///< (K + ridge I)^-1 (y - f_0), [N x C]
  double norm = 0.0;            ///< |K + ridge I|_inf
  bool is_single = false;       ///< whether K is stored in single precision
};

Matrix<double> difference(const Matrix<double>& a, const Matrix<double>& b);
/// increment [n x k C] += f_0 [n x C], for each of k groups of columns.
void add_initial(const Matrix<double>& initial, Matrix<double>& increment);

/// The absolute ridge of a value of regression.ridge. Throws ConfigError for one that is so large
/// that nothing is left of the kernel. Local.
double checked_ridge(const Run& run, double value);

/// What to do where the covariance of f_0 is singular to rounding, as where points repeat or the
/// activation is smooth.
enum class SingularCovariance {
  refused,   ///< throw NumericalError
  jittered,  ///< add rounding to its diagonal, and throw where that is not enough
};
struct NetworkDraw {
  InitialValues values;
  double jitter = 0.0;  ///< added to the diagonal of the covariance
};
/// Draws f_0 at training and test points from the network at initialisation; `columns` independent
/// ones. @param remedy  what to set, for the message
NetworkDraw draw_network(Run& run, const char* phase, std::int64_t columns, std::uint64_t seed,
                         SingularCovariance singular, const std::string& remedy);
/// The eigensystem of a kernel matrix of the training samples, in the phases of these names. Throws
/// NumericalError.
EigenSystem<double> eigensystem_of(Run& run, const KernelMatrix<double>& kernel,
                                   const char* gram_phase, const char* phase);

/// Scores of several ridges, written to /ridge_path; run.ridge becomes the best of them. Returns
/// the eigensystem of K where later stages have a use for it. Throws NumericalError where none can
/// be chosen.
std::optional<EigenSystem<double>> ridge_path_stage(Run& run);
/// Linear models of random functions, written to /random_functions. Throws NumericalError.
void random_functions_stage(Run& run);
/// The closed form, written to /regression.
SolvedKernel regression_stage(Run& run);
/// K stored whole in double, where no regression has left it in a factor's upper triangle.
SolvedKernel store_kernel(Run& run, const char* gram_phase, const char* mirror_phase);
/// f_t in the eigenbasis, written to /dynamics.
void spectral_dynamics(Run& run, const EigenSystem<double>& eigen);
/// f_t from a Krylov space, written to /dynamics. @param solved  null where products are
/// regenerated and there is no [regression]; let go when the space stands
void krylov_dynamics(Run& run, std::shared_ptr<const SolvedKernel> solved);
/// All of [spectrum] from the full eigensystem of K, written to /spectrum and /kernel_pca.
void full_spectrum(Run& run, const EigenSystem<double>& eigen);
/// The same from leading eigenpairs.
void leading_spectrum(Run& run, const SolvedKernel& solved);
/// The law of f_t, written to /posterior. @param eigen  of K, where the stage shares it with others
void posterior_stage(Run& run, std::optional<EigenSystem<double>> eigen);

}  // namespace ntkflow::app
