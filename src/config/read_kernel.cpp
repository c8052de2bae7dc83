#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <ntkflow/base/narrow.hpp>

#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

/// The kernel's sentence without "kernel.key" in front, which the line of a problem names already.
std::string without_name(const std::string& problem, std::string_view key) {
  for (const char* separator : {" ", ": "}) {
    const std::string name = fmt::format("kernel.{}{}", key, separator);
    if (problem.starts_with(name)) {
      return problem.substr(name.size());
    }
  }
  return problem;
}

/// Blames one key for what the kernel finds wrong with an architecture that differs from the
/// default in that key alone. Returns whether it is fine.
bool check_field(const TableReader& kernel, std::string_view key, const Architecture& changed) {
  const std::string problem = check_architecture(changed);
  if (!problem.empty()) {
    kernel.complain(key, without_name(problem, key));
  }
  return problem.empty();
}

}  // namespace

KernelOptions read_kernel(const TableReader& kernel) {
  KernelOptions options;
  options.type = kernel.choice("type", kKernelTypes).value_or(options.type);
  Architecture& architecture = options.architecture;
  const Architecture standard = architecture;
  options.evaluation = kernel.choice("evaluation", kEvaluationPaths).value_or(options.evaluation);
  const auto preset = kernel.choice("preset", kPresets);

  architecture.activation = read_activation(kernel).value_or(architecture.activation);
  bool fine = true;
  if (const auto depth = kernel.integer("depth", 1, std::numeric_limits<int>::max())) {
    architecture.depth = narrow<int>(*depth, "kernel.depth");
    Architecture changed = standard;
    changed.depth = architecture.depth;
    fine = check_field(kernel, "depth", changed);
  }
  for (const auto& [key, field] : {std::pair{"weight_variance", &Architecture::weight_variance},
                                   std::pair{"bias_variance", &Architecture::bias_variance}}) {
    if (kernel.has("preset") && kernel.has(key)) {
      kernel.complain(key, "stands beside kernel.preset, which sets it; remove one of them");
    } else if (const auto value = kernel.real(key, 0.0)) {
      architecture.*field = *value;
      Architecture changed = standard;
      changed.*field = *value;
      fine = check_field(kernel, key, changed) && fine;
    }
  }
  if (fine && preset == Preset::arora && !std::isfinite(second_moment(architecture.activation))) {
    kernel.complain("preset",
                    "\"arora\" scales by E[s(z)^2], z ~ N(0, 1), which is infinite for this "
                    "activation; give weight_variance and bias_variance");
    fine = false;
  }
  if (fine && preset) {
    architecture = with_preset(architecture, *preset);
  }
  if (fine) {
    if (const std::string problem = check_kernel(architecture, options.type); !problem.empty()) {
      kernel.complain("activation", without_name(problem, "activation"));
    }
  }
  return options;
}

}  // namespace ntkflow::config
