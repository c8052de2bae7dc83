#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "read_tables.hpp"
#include "schema.hpp"

namespace ntkflow::config {

namespace {

/// The keys of { name = "...", ... } or { expression = "...", ... }, of which `kind` is the first.
TableSpec keys_of(std::string_view kind, const std::vector<ActivationParameter>& parameters) {
  TableSpec spec{"kernel.activation", {{std::string(kind), "text", ""}}};
  for (const ActivationParameter& parameter : parameters) {
    spec.keys.push_back({parameter.name, parameter.allowed, ""});
  }
  return spec;
}

/// The number or the numbers at a key; nothing where they are wrong.
std::optional<std::vector<double>> read_values(const TableReader& table,
                                               const ActivationParameter& parameter) {
  const toml::node& node = *table.find(parameter.name);
  const toml::array* list = node.as_array();
  if (parameter.is_list != (list != nullptr)) {
    table.reject(parameter.name);
    return std::nullopt;
  }
  std::vector<double> values;
  const auto append = [&](const toml::node& item) {
    const auto value = item.is_number() ? item.value<double>() : std::nullopt;
    if (value) {
      values.push_back(*value);
    } else {
      table.reject(parameter.name, item);
    }
    return value.has_value();
  };
  const bool fine =
      list == nullptr ? append(node) : std::all_of(list->begin(), list->end(), append);
  return fine ? std::optional(values) : std::nullopt;
}

/// Reads the parameters that `table` holds into `spec`, in the order in which they are written.
/// Returns whether all are fine.
bool read_parameters(const TableReader& table, const std::vector<ActivationParameter>& parameters,
                     ActivationSpec& spec) {
  bool fine = true;
  std::vector<std::pair<toml::source_position, ActivationSpec::Parameter>> found;
  for (const ActivationParameter& parameter : parameters) {
    if (!table.has(parameter.name)) {
      if (parameter.is_required) {
        table.require(parameter.name);
        fine = false;
      }
      continue;
    }
    auto values = read_values(table, parameter);
    if (!values) {
      fine = false;
      continue;
    }
    found.push_back(
        {table.find(parameter.name)->source().begin, {parameter.name, std::move(*values)}});
    if (!is_possible(spec.name, found.back().second)) {
      table.reject(parameter.name);
      fine = false;
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [position, parameter] : found) {
    spec.parameters.push_back(std::move(parameter));
  }
  return fine;
}

/// The name of an activation at a node; nothing where it is none.
std::optional<std::string> read_name(const TableReader& kernel, const toml::node& node) {
  auto name = node.value_exact<std::string>();
  const auto names = named_activations();
  if (!name || std::find(names.begin(), names.end(), *name) == names.end()) {
    kernel.reject_name("activation", node, names);
    return std::nullopt;
  }
  return name;
}

std::optional<ActivationSpec> read_table(const TableReader& kernel, const toml::table& table) {
  const toml::node* name = table.get("name");
  const toml::node* expression = table.get(kExpression);
  if (name != nullptr && expression != nullptr) {
    kernel.complain("activation", "holds both a name and an expression; keep one of them");
    return std::nullopt;
  }
  ActivationSpec spec;
  if (expression != nullptr) {
    const auto text = expression->value_exact<std::string>();
    if (!text) {
      kernel.reject("activation", *expression);
      return std::nullopt;
    }
    spec.name = kExpression;
    spec.expression = *text;
  } else if (name != nullptr) {
    const auto known = read_name(kernel, *name);
    if (!known) {
      return std::nullopt;
    }
    spec.name = *known;
  } else {
    kernel.reject("activation");
    return std::nullopt;
  }
  const auto parameters = activation_parameters(spec.name);
  const TableSpec keys = keys_of(name != nullptr ? "name" : kExpression, parameters);
  const bool fine = read_parameters(kernel.subtable("activation", keys), parameters, spec);
  return fine ? std::optional(spec) : std::nullopt;
}

}  // namespace

std::optional<ActivationSpec> read_activation(const TableReader& kernel) {
  const toml::node* node = kernel.find("activation");
  if (node == nullptr) {
    return std::nullopt;
  }
  std::optional<ActivationSpec> spec;
  if (const toml::table* table = node->as_table()) {
    spec = read_table(kernel, *table);
  } else if (!node->is_string()) {
    kernel.reject("activation");
  } else if (const auto name = read_name(kernel, *node)) {
    spec = ActivationSpec{*name, {}, {}};
  }
  const std::string problem = spec ? check_activation(*spec) : std::string{};
  if (!problem.empty()) {
    kernel.complain("activation", problem);
    spec.reset();
  }
  return spec;
}

}  // namespace ntkflow::config
