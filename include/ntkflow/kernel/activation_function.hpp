#pragma once

#include <memory>
#include <span>

#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// An activation as networks of finite width apply it: sigma and sigma', element by element. The
/// same list as the kernels'. Immutable, cheap to copy; any number of threads may use one. Local.
///
/// At a kink sigma' is the derivative on one of the two sides, 0 for relu; at a jump it is 0. What
/// is not a number stays so. An element's result does not depend on where in an array it stands.
///
/// Errors are at most 5 eps of |sigma(x)| + |x sigma'(x)|, and 4 eps of |sigma'(x)| + |x
/// sigma''(x)|; of polynomials and of erf with a shift relative to the largest such sum between
/// -|x| and |x|. Those of an expression, in double 160 and 1000 eps of it for |x| >= 0.003, are
/// absolute below. On one core with AVX-512, an element of double takes 0.2 ns with relu, 2 to 4 ns
/// with erf, gelu and tanh, with sigma', and 10 ns with the others that have no closed-form duals.
class ActivationFunction {
 public:
  /// `spec` must be valid.
  explicit ActivationFunction(const ActivationSpec& spec);

  /// sigma(x), sigma'(x): what `apply` computes in double.
  struct Jet {
    double value = 0.0;
    double slope = 0.0;
  };
  [[nodiscard]] Jet jet(double x) const;

  /// `x` becomes sigma(x). Same length or `slope` empty (not wanted): becomes sigma'(x).
  void apply(std::span<float> x, std::span<float> slope) const;
  void apply(std::span<double> x, std::span<double> slope) const;

 private:
  struct Form;
  std::shared_ptr<const Form> form_;
};

}  // namespace ntkflow
