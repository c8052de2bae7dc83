#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ntkflow/base/narrow.hpp>

#include "read_tables.hpp"
#include "schema.hpp"

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

/// Records each key but `keys`, `type` and `evaluation`: kernels of this type have no others.
void refuse_other_keys(const TableReader& kernel, const std::string& type,
                       std::vector<std::string> keys) {
  keys.insert(keys.begin(), "type");
  keys.emplace_back("evaluation");
  for (const std::string& key : table_spec("kernel").key_names()) {
    if (kernel.has(key) && std::find(keys.begin(), keys.end(), key) == keys.end()) {
      kernel.complain(key, fmt::format("type = \"{}\" has no such key; its keys are {}; remove it",
                                       type, fmt::join(keys, ", ")));
    }
  }
}

std::optional<double> read_parameter(const TableReader& kernel, const KernelParameter& parameter) {
  if (parameter.is_integer) {
    const auto value = kernel.integer(parameter.name, static_cast<std::int64_t>(parameter.lowest),
                                      static_cast<std::int64_t>(parameter.highest));
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  }
  const auto value = kernel.real(parameter.name, parameter.lowest);
  if (value && !parameter.allows(*value)) {
    kernel.reject(parameter.name);
    return std::nullopt;
  }
  return value;
}

KernelOptions read_named_kernel(const TableReader& kernel, const std::string& name) {
  NamedKernel named{name, {}};
  std::vector<std::string> keys;
  for (const KernelParameter& parameter : kernel_parameters(name)) {
    keys.push_back(parameter.name);
    named.parameters.push_back(read_parameter(kernel, parameter).value_or(parameter.fallback));
  }
  refuse_other_keys(kernel, name, keys);
  const EvaluationPath evaluation =
      kernel.choice("evaluation", kEvaluationPaths).value_or(EvaluationPath::automatic);
  return {KernelType::nngp, architecture_of(named), evaluation, named};
}

/// kernel.type; nothing where it is wrong.
std::optional<std::string> read_type(const TableReader& kernel) {
  const toml::node* node = kernel.find("type");
  if (node == nullptr) {
    return std::string(name_of(kKernelTypes, KernelOptions{}.type));
  }
  auto name = node->value_exact<std::string>();
  const auto names = kernel_types();
  if (!name || std::find(names.begin(), names.end(), *name) == names.end()) {
    kernel.reject_name("type", *node, names);
    return std::nullopt;
  }
  return name;
}

}  // namespace

KernelOptions read_kernel(const TableReader& kernel) {
  const std::optional<std::string> type = read_type(kernel);
  KernelOptions options;
  for (const auto& [name, value] : kKernelTypes) {
    if (type == name) {
      options.type = value;
      refuse_other_keys(kernel, *type,
                        {"activation", "depth", "weight_variance", "bias_variance", "preset"});
    }
  }
  const auto named = named_kernels();
  if (type && std::find(named.begin(), named.end(), *type) != named.end()) {
    return read_named_kernel(kernel, *type);
  }
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
