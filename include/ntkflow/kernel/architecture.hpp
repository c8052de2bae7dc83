#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ntkflow {

/// How a kernel is evaluated. The results agree to rounding.
///   automatic  the fastest that applies
///   fused      one function of the correlation for all layers, fitted at start-up
///   layered    layer by layer on SIMD vectors
///   reference  pair by pair in scalar code
enum class EvaluationPath { automatic, fused, layered, reference };

/// As a configuration spells it. Local.
std::string to_string(EvaluationPath path);

/// Both kernels of a pair of samples.
struct KernelPair {
  double nngp = 0.0;
  double ntk = 0.0;
};

/// Which of the two limiting kernels: the Neural Tangent Kernel or the network's Gaussian-process
/// covariance.
enum class KernelType { ntk, nngp };

/// How the first layer sees the data: divided by the dimension and scaled like all others [JGH18],
/// or the bare inner product [Aro19].
enum class FirstLayer { normalised, plain };

/// An activation function by its name in the configuration, with its named parameters in
/// configuration order.
struct ActivationSpec {
  struct Parameter {
    std::string name;
    std::vector<double> values;  ///< one for a number, as many as there are for a list
  };
  std::string name = "relu";
  std::vector<Parameter> parameters;
  std::string expression{};  ///< the function of x, where name is "expression"
};

/// Names of all activations that the kernels know, for messages and help. Local.
std::vector<std::string> activation_names();

/// A parameter that an activation has, for messages and help.
struct ActivationParameter {
  std::string name;
  std::string allowed;             ///< its possible values in words
  std::optional<double> fallback;  ///< its value where none is given
  bool is_list = false;
  bool is_required = false;
};

/// The parameters of an activation, in its own order; none of an unknown one. Local.
std::vector<ActivationParameter> activation_parameters(const std::string& name);

/// Whether a parameter of an activation may have these values. Local.
bool is_possible(const std::string& activation, const ActivationSpec::Parameter& parameter);

/// Whether a parameter is written as a list: its activation takes one there, or it is no single
/// number. Local.
bool is_list(const std::string& activation, const ActivationSpec::Parameter& parameter);

/// The problem of a spec (unknown name, unknown or impossible parameter) as one sentence, or empty.
/// Local.
std::string check_activation(const ActivationSpec& spec);

/// Why the NTK of an activation does not exist, as one sentence, or empty where it does. Local.
/// `spec` must be valid.
std::string why_no_ntk(const ActivationSpec& spec);

/// Whether the duals of an activation have no closed form here. Local. `spec` must be valid.
bool has_numerical_duals(const ActivationSpec& spec);

/// E[sigma(z)^2] for z ~ N(0, 1), whose inverse is Arora et al.'s c_sigma. Local. `spec` must be
/// valid.
double second_moment(const ActivationSpec& spec);

/// A fully connected network of `depth` affine layers (depth - 1 hidden ones), in the limit of
/// infinite width: Sigma^(1) = weight_variance x.x'/d + bias_variance (or x.x' + bias_variance with
/// FirstLayer::plain), and numerics.md's recursion after it. Ref: Jacot, Gabriel, Hongler (2018),
/// section 4.
struct Architecture {
  int depth = 3;
  ActivationSpec activation;
  double weight_variance = 2.0;
  double bias_variance = 0.01;
  FirstLayer first_layer = FirstLayer::normalised;
};

/// The problem of an architecture as one sentence that names the field, or empty. Local.
std::string check_architecture(const Architecture& architecture);

/// The same for one of its kernels: an activation may have no NTK. Local.
std::string check_kernel(const Architecture& architecture, KernelType type);

/// Jacot et al.: weight variance 1, bias variance 0.01. Arora et al.: c_sigma and 0, with a plain
/// first layer.
enum class Preset { jacot, arora };
Architecture with_preset(Architecture architecture, Preset preset);

}  // namespace ntkflow
