#pragma once

#include <functional>
#include <memory>
#include <span>

#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// An activation as networks of finite width apply it: sigma and sigma', element by element. The
/// same list as the kernels'. Immutable, cheap to copy; any number of threads may use one. Local.
class ActivationFunction {
 public:
  /// `spec` must be valid.
  explicit ActivationFunction(const ActivationSpec& spec);

  /// sigma(x), sigma'(x). At a kink sigma' is the mean of both sides.
  struct Jet {
    double value = 0.0;
    double slope = 0.0;
  };
  [[nodiscard]] Jet jet(double x) const;

  /// `x` becomes sigma(x). Same length or `slope` empty (not wanted): becomes sigma'(x).
  void apply(std::span<float> x, std::span<float> slope) const;
  void apply(std::span<double> x, std::span<double> slope) const;

 private:
  struct Loops;
  std::shared_ptr<const Loops> loops_;
};

}  // namespace ntkflow
