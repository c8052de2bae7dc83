#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dynamics/local_flow.hpp>

#include "ensemble.hpp"

// The studies, one file each, and what they have in common. `Real` is the precision of the
// networks. All are collective over comm.
namespace ntkflow {

template <class Real>
StudyResult kernel_convergence(const Communicator& comm, const StudyProblem& problem,
                               Monitor& monitor);
template <class Real>
StudyResult gaussian_limit(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
template <class Real>
StudyResult principal_components(const Communicator& comm, const StudyProblem& problem,
                                 Monitor& monitor);
template <class Real>
StudyResult width_scaling(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);

template <class Real>
StudyResult descent(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
template <class Real>
StudyResult finite_width_bound(const Communicator& comm, const StudyProblem& problem,
                               Monitor& monitor);

// Studies of kernels alone.
StudyResult boolean_cube(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
StudyResult sphere(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
StudyResult learning_rate(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
StudyResult early_stopping(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);
StudyResult sample_complexity(const Communicator& comm, const StudyProblem& problem,
                              Monitor& monitor);
StudyResult depth(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);

/// What a study of kernels takes.
struct StudyCost {
  double bytes = 0.0;       ///< on a rank, at most
  double file_bytes = 0.0;  ///< of the result
  double flop = 0.0;
};
// All Local.
StudyCost boolean_cube_cost(const ExperimentOptions& options, const Architecture& architecture,
                            const DataShape& shape, int ranks);
StudyCost sphere_cost(const ExperimentOptions& options, const Architecture& architecture,
                      const DataShape& shape, int ranks);
StudyCost learning_rate_cost(const ExperimentOptions& options, const Architecture& architecture,
                             const DataShape& shape, int ranks);
StudyCost early_stopping_cost(const ExperimentOptions& options, const Architecture& architecture,
                              const DataShape& shape, int ranks);
StudyCost sample_complexity_cost(const ExperimentOptions& options, const Architecture& architecture,
                                 const DataShape& shape, int ranks);
StudyCost depth_cost(const ExperimentOptions& options, const Architecture& architecture,
                     const DataShape& shape, int ranks);

/// The axes of widths and draws, and the result's record of divergence. Local.
StudyResult start_result(const NetworkOptions& options);

/// Trains a network of the study and notes where it diverged. Local.
/// @param x  the training inputs, rounded
template <class Real>
TrainingOutcome train_draw(Network<Real>& network, const StudyProblem& problem,
                           MatrixView<const Real> x, const Matrix<double>& target, const Draw& draw,
                           DrawTable& diverged, const TrainingVisit& visit, Monitor& monitor) {
  const TrainingOptions options = training_options(problem.options.network);
  const TrainingVisit report = [&](std::int64_t step, const Matrix<double>& f) {
    monitor.progress(step, options.steps);
    if (visit) {
      visit(step, f);
    }
  };
  TrainingOutcome outcome = train<Real>(network, x, target, options, report, monitor);
  if (outcome.loss.empty()) {
    throw NumericalError("a network of width " + std::to_string(draw.width) +
                         " is not finite at its start; reduce kernel.weight_variance or depth");
  }
  // Shifted by one, so that the zeros of other ranks' networks mean nothing.
  diverged.of(draw)[0] = static_cast<double>(outcome.diverged_at + 1);
  return outcome;
}

/// Throws NumericalError where one of the values, named `what`, is not finite. Local.
void require_finite(const Matrix<double>& values, const std::string& what);

/// What the study's training makes of a network under a kernel that does not move: f_0 at the test
/// points plus kappa^T phi(K) (y - f_0). Local. [M x 1]
/// @param kernel  K, as LocalFlow has it;  @param cross  kappa, [N x M];  @param y  [N x 1]
Matrix<double> trained_under(const LocalFlow& kernel, const Matrix<double>& cross,
                             const NetworkOptions& options, const Matrix<double>& y,
                             const Matrix<double>& f0_train, const Matrix<double>& f0_test);

/// As "relu (2, 0.1)", activation with its parameters, variances of weights and biases; or "relu
/// (arora)". Local.
std::string kernel_name(const Architecture& kernel);

/// Both kernels of networks, in the order of the axis of types.
inline constexpr KernelType kBothTypes[] = {KernelType::ntk, KernelType::nngp};
/// "ntk" or "nngp". Local.
std::string type_name(KernelType type);

// Paths of axes of studies of several kernels.
inline constexpr const char* kKernelAxis = "/experiment/kernel";
inline constexpr const char* kTypeAxis = "/experiment/type";
inline constexpr const char* kDimensionAxis = "/experiment/dimension";
inline constexpr const char* kDepthAxis = "/experiment/depth";

/// first, first + 1, ..., `count` of them. Local.
std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t count);

/// `count` angles from `first` to `last`, both included. Local.
std::vector<double> angles(std::int64_t count, double first, double last);
/// (cos, sin) of each angle, [2 x n]. Local.
Matrix<double> on_circle(const std::vector<double>& angles);

/// Networks of a width from which a standard error can be told with its own error: below, Student's
/// tails would be mistaken for distances.
inline constexpr std::int64_t kFewestDraws = 8;
/// Says that there are fewer. Local.
std::string few_draws_line();

/// Unpacks train_draw's record. Local.
std::vector<std::int64_t> divergence(const DrawTable& diverged);

/// Paths of the axes that start_result makes.
inline constexpr const char* kWidthAxis = "/experiment/width";
inline constexpr const char* kDrawAxis = "/experiment/draw";

/// log2 of each width. Local.
std::vector<double> log2_widths(const NetworkOptions& options);

}  // namespace ntkflow
