#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/narrow.hpp>

#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

/// The spec that { name = "...", parameter = number, ... } stands for; its parameters keep the
/// order in which they are written.
std::optional<ActivationSpec> read_activation_table(const TableReader& kernel,
                                                    const toml::table& table) {
  if (table.contains("expression")) {
    kernel.complain("activation", why_unavailable("kernel.activation.expression", ""));
    return std::nullopt;
  }
  ActivationSpec spec;
  const toml::node* name = table.get("name");
  if (name == nullptr || !name->is_string()) {
    kernel.reject("activation");
    return std::nullopt;
  }
  spec.name = *name->value_exact<std::string>();
  std::vector<std::pair<toml::source_position, ActivationSpec::Parameter>> parameters;
  for (const auto& [key, node] : table) {
    if (key.str() == "name") {
      continue;
    }
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value) {
      kernel.complain("activation",
                      fmt::format("the parameter \"{}\" must be a number", key.str()));
      return std::nullopt;
    }
    parameters.push_back({key.source().begin, {std::string(key.str()), {*value}}});
  }
  std::stable_sort(parameters.begin(), parameters.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [position, parameter] : parameters) {
    spec.parameters.push_back(std::move(parameter));
  }
  return spec;
}

/// Nothing where it is absent or wrong.
std::optional<ActivationSpec> read_activation(const TableReader& kernel) {
  const toml::node* node = kernel.find("activation");
  if (node == nullptr) {
    return std::nullopt;
  }
  std::optional<ActivationSpec> spec;
  if (const toml::table* table = node->as_table()) {
    spec = read_activation_table(kernel, *table);
    node = table->get("name");
  } else if (const auto name = node->value_exact<std::string>()) {
    spec = ActivationSpec{*name, {}, {}};
  } else {
    kernel.reject("activation");
  }
  if (!spec) {
    return std::nullopt;
  }
  const auto names = activation_names();
  if (std::find(names.begin(), names.end(), spec->name) == names.end()) {
    kernel.reject_name("activation", *node, names);
    return std::nullopt;
  }
  if (const std::string problem = check_activation(*spec); !problem.empty()) {
    kernel.complain("activation", problem);
    return std::nullopt;
  }
  return spec;
}

/// The kernel's sentence without "kernel.key" in front, which the line of a problem names already.
std::string without_name(const std::string& problem, std::string_view key) {
  const std::string name = fmt::format("kernel.{} ", key);
  return problem.starts_with(name) ? problem.substr(name.size()) : problem;
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
  if (fine && preset) {
    architecture = with_preset(architecture, *preset);
  }
  if (fine) {
    if (const std::string problem = check_architecture(architecture); !problem.empty()) {
      kernel.complain("activation", problem);
    }
  }
  return options;
}

}  // namespace ntkflow::config
