#include "ntkflow/kernel/architecture.hpp"

#include <cmath>
#include <sstream>
#include <string>

namespace ntkflow {
namespace {

template <class Number>
std::string must_be(const char* field, const char* rule, Number found) {
  std::ostringstream text;
  text << field << " must be " << rule << ", found " << found;
  return text.str();
}

}  // namespace

std::string to_string(EvaluationPath path) {
  switch (path) {
    case EvaluationPath::automatic:
      return "auto";
    case EvaluationPath::fused:
      return "fused";
    case EvaluationPath::layered:
      return "layered";
    case EvaluationPath::reference:
      return "reference";
  }
  return {};
}

std::string check_architecture(const Architecture& architecture) {
  if (architecture.depth < 1) {
    return must_be("kernel.depth", "at least 1 (the number of affine layers)", architecture.depth);
  }
  const double weight = architecture.weight_variance;
  if (!(std::isfinite(weight) && weight > 0.0)) {
    return must_be("kernel.weight_variance", "a finite number above 0", weight);
  }
  const double bias = architecture.bias_variance;
  if (!(std::isfinite(bias) && bias >= 0.0)) {
    return must_be("kernel.bias_variance", "a finite number, 0 or more", bias);
  }
  const std::string problem = check_activation(architecture.activation);
  return problem.empty() ? problem : "kernel.activation: " + problem;
}

std::string check_kernel(const Architecture& architecture, KernelType type) {
  std::string problem = check_architecture(architecture);
  if (problem.empty() && type == KernelType::ntk) {
    problem = why_no_ntk(architecture.activation);
    if (!problem.empty()) {
      problem = "kernel.activation: " + problem;
    }
  }
  return problem;
}

Architecture with_preset(Architecture architecture, Preset preset) {
  switch (preset) {
    case Preset::jacot:
      architecture.weight_variance = 1.0;
      architecture.bias_variance = 0.01;
      architecture.first_layer = FirstLayer::normalised;
      break;
    case Preset::arora:
      architecture.weight_variance = 1.0 / second_moment(architecture.activation);
      architecture.bias_variance = 0.0;
      architecture.first_layer = FirstLayer::plain;
      break;
  }
  return architecture;
}

}  // namespace ntkflow
