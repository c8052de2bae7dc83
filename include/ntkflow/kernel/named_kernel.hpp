#pragma once

#include <string>
#include <vector>

#include <ntkflow/kernel/architecture.hpp>

// Kernels of the literature to compare a network's with. Each is the NNGP kernel of an
// architecture, so that everything that evaluates those serves it.
namespace ntkflow {

/// A kernel by its name in the configuration, with all of its parameters.
///   linear      k = x.x'/d
///   polynomial  k = (offset + x.x'/d)^degree
///   rbf         k = exp(-r^2 / (2 length_scale^2)), r = |x - x'| / sqrt(d)
///   laplace     k = exp(-r / length_scale)
///   arccos      k = |x|^n |x'|^n J_n(theta) / pi, theta the angle between x and x' and n the order
///               (Cho, Saul 2009, eq. 3), composed depth - 1 times (ibid., section 2.3)
/// d is the number of inputs. The first four are those of Rasmussen, Williams (2006),
/// sections 4.2.1 and 4.2.2, with x / sqrt(d) in place of x.
struct NamedKernel {
  std::string name;
  std::vector<double> parameters;  ///< in the order of kernel_parameters(name)
};

/// Names of all such kernels. Local.
std::vector<std::string> named_kernels();

/// A number that a named kernel has, and what it may be: a value in [lowest, highest].
struct KernelParameter {
  std::string name;
  double fallback;
  double lowest;
  double highest;
  bool is_integer = false;

  [[nodiscard]] bool allows(double value) const;
};

/// The parameters of a named kernel, in its own order; none of an unknown one. Local.
std::vector<KernelParameter> kernel_parameters(const std::string& name);

/// The problem of a kernel (unknown name, impossible parameter) as one sentence, or empty. Local.
std::string check_named_kernel(const NamedKernel& kernel);

/// The architecture whose NNGP kernel this is. Local.
///   linear                    one layer, weight variance 1
///   polynomial, rbf, laplace  two layers, weight variance 1, of a dual function of |x|^2/d,
///                             |x'|^2/d and x.x'/d
///   arccos                    networks of rectified monomials (order 0: steps), weight variance 2,
///                             first layer not divided by d
/// None has biases. @pre check_named_kernel(kernel) is empty.
Architecture architecture_of(const NamedKernel& kernel);

}  // namespace ntkflow
