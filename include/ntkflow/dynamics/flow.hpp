#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dynamics/options.hpp>
#include <ntkflow/dynamics/training_rule.hpp>

namespace ntkflow {

/// What a flow knows of each mode: those of K, or those of K projected on a Krylov space.
struct TrainedModes {
  std::int64_t samples = 0;    ///< N
  double ridge = 0.0;          ///< absolute
  std::vector<double> lambda;  ///< of K, without the ridge, ascending
  std::vector<double> energy;  ///< squared length of y - f_0 along each, summed over outputs
};

/// Training of f on 1/2 mean |f(x_i) - y_i|^2 under the kernel K, by gradient flow or by the steps
/// of an optimizer:
///
///     f_t(x) = f_0(x) + kappa(x)^T A_t,   A_t = phi_t(K + ridge I) (y - f_0(X)),
///
/// with the phi of a TrainingRule. On the training set kappa is a row of K. At t = 0 A_t is exactly
/// zero; as t grows it becomes the closed form's coefficients, unless the rule is unstable. Points
/// of training are absolute times, or numbers of steps. Ref: Jacot, Gabriel, Hongler (2018),
/// section 5.
class Flow {
 public:
  Flow() = default;
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  Flow(Flow&&) = delete;
  Flow& operator=(Flow&&) = delete;
  virtual ~Flow() = default;

  /// lambda_max of K / N, the rate of the fastest mode (without the ridge).
  [[nodiscard]] virtual double lambda_max() const = 0;
  [[nodiscard]] virtual const TrainingRule& rule() const = 0;
  /// Local; the same on all ranks.
  [[nodiscard]] virtual TrainedModes modes() const = 0;
  /// A_t at several points, C columns for each, [N x (T C)], whole on every rank. Collective.
  /// @pre  the points do not overflow: see finite_points
  [[nodiscard]] virtual Matrix<double> coefficients(std::span<const double> points) const = 0;
  /// f_t(X) - f_0(X) = K A_t on the training set, likewise.
  [[nodiscard]] virtual Matrix<double> train_increment(std::span<const double> points) const = 0;
};

/// How many of ascending points, the first ones, have finite values under the rule. Local.
/// @param largest  eigenvalue of K + ridge I
std::size_t finite_points(const TrainingRule& rule, std::span<const double> points, double largest,
                          std::int64_t n);

/// Whether training converges.
struct Stability {
  double stable_learning_rate = 0.0;  ///< learning rates below it are stable
  std::int64_t unstable_modes = 0;
  /// An unstable rule's first step, 1 or later, at which the training loss exceeds that at its
  /// start: sought step by step up to 32, then by bisection between steps less than 1/16 apart.
  /// Nothing if that is never so.
  std::optional<double> rises_at;
};
/// Local.
Stability stability_of(const TrainingRule& rule, const TrainedModes& modes);

/// Times in units of 1. 0 stays 0; where lambda_max is zero, all positive times in its unit are
/// infinite. Local.
/// @param lambda_max  of K / N
std::vector<double> absolute_times(std::vector<double> times, TimeUnit unit, double lambda_max);
/// The points that the options ask for: numbers of steps are absolute.
inline std::vector<double> absolute_times(const DynamicsOptions& options, double lambda_max) {
  return options.optimizer == Optimizer::flow
             ? absolute_times(options.times, options.time_unit, lambda_max)
             : options.times;
}

}  // namespace ntkflow
