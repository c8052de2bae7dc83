#include "activation.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "numerical_activation.hpp"
#include "scalar.hpp"
#include "scalar_duals.hpp"

namespace ntkflow {
namespace {

enum class EntryKind { closed_form, numerical, expression };

/// The kinks of an expression: searched for where they are not given.
constexpr std::array<ParameterRule, 1> kExpressionRules{
    {{"kinks", std::nullopt, -1e6, 1e6, ParameterKind::optional_list}}};

/// What the lists say about one activation.
struct Entry {
  std::string_view name;
  std::span<const ParameterRule> rules;
  EntryKind kind;
  int index;                ///< in the list of its kind
  std::string_view no_ntk;  ///< why it has no NTK; empty: it has one
  bool is_kernel_only = false;
};

template <class Activation>
constexpr std::string_view no_ntk() {
  if constexpr (requires { Activation::kNoNtk; }) {
    return Activation::kNoNtk;
  } else {
    return {};
  }
}

template <class Activation>
constexpr bool is_kernel_only() {
  return requires {
    Activation::kIsKernelOnly;
  };
}

template <class... Activations>
std::vector<Entry> make_entries(ActivationList<Activations...> /*list*/) {
  int index = 0;
  std::vector<Entry> all = {Entry{Activations::kName, Activations::kParameters,
                                  EntryKind::closed_form, index++, no_ntk<Activations>(),
                                  is_kernel_only<Activations>()}...};
  index = 0;
  for (const NumericalEntry& entry : numerical_entries()) {
    all.push_back({entry.name, entry.rules, EntryKind::numerical, index++, {}, false});
  }
  all.push_back({"expression", kExpressionRules, EntryKind::expression, 0, {}, false});
  return all;
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = make_entries(scalar::Activations());
  return all;
}

const Entry* find_entry(const std::string& name) {
  const auto found = std::find_if(entries().begin(), entries().end(),
                                  [&](const Entry& entry) { return entry.name == name; });
  return found == entries().end() ? nullptr : &*found;
}

const ParameterRule* find_rule(const std::string& activation, const std::string& parameter) {
  const Entry* entry = find_entry(activation);
  if (entry == nullptr) {
    return nullptr;
  }
  const auto found =
      std::find_if(entry->rules.begin(), entry->rules.end(),
                   [&](const ParameterRule& rule) { return rule.name == parameter; });
  return found == entry->rules.end() ? nullptr : &*found;
}

/// Items separated by commas.
template <class Items, class Name>
std::string join(const Items& items, const Name& name_of) {
  std::string text;
  for (const auto& item : items) {
    text += (text.empty() ? "" : ", ") + std::string(name_of(item));
  }
  return text;
}

/// What the values of a parameter may be, in words.
std::string describe(const ParameterRule& rule) {
  std::ostringstream text;
  switch (rule.kind) {
    case ParameterKind::real:
      text << "a number";
      break;
    case ParameterKind::integer:
      text << "a whole number";
      break;
    case ParameterKind::list:
      text << "a list of 1 to " << kMostListed << " numbers";
      break;
    case ParameterKind::optional_list:
      text << "a list of numbers";
      break;
  }
  text << " between " << rule.lowest << " and " << rule.highest;
  return text.str();
}

bool is_list(const ParameterRule& rule) {
  return rule.kind == ParameterKind::list || rule.kind == ParameterKind::optional_list;
}

bool is_required(const ParameterRule& rule) {
  return !rule.fallback && rule.kind != ParameterKind::optional_list;
}

bool has_possible_count(const ActivationSpec::Parameter& parameter, const ParameterRule& rule) {
  const std::size_t count = parameter.values.size();
  switch (rule.kind) {
    case ParameterKind::real:
    case ParameterKind::integer:
      return count == 1;
    case ParameterKind::list:
      return count >= 1 && count <= kMostListed;
    case ParameterKind::optional_list:
      return true;
  }
  return false;
}

bool is_possible_value(double value, const ParameterRule& rule) {
  return value >= rule.lowest && value <= rule.highest &&
         (rule.kind != ParameterKind::integer || value == std::floor(value));
}

/// What the values of a parameter must be, and what they are, where they break the rule.
std::string check_values(const ActivationSpec::Parameter& parameter, const ParameterRule& rule) {
  const auto wrong = std::find_if_not(parameter.values.begin(), parameter.values.end(),
                                      [&](double value) { return is_possible_value(value, rule); });
  const bool fits_count = has_possible_count(parameter, rule);
  if (fits_count && wrong == parameter.values.end()) {
    return {};
  }
  std::ostringstream text;
  text << describe(rule) << ", found ";
  if (!fits_count) {
    text << (parameter.values.empty() ? "an empty list"
                                      : "a list of " + std::to_string(parameter.values.size()));
  } else {
    text << *wrong;
  }
  return text.str();
}

bool is_given(const ActivationSpec& spec, const ParameterRule& rule) {
  return std::any_of(spec.parameters.begin(), spec.parameters.end(),
                     [&](const auto& parameter) { return parameter.name == rule.name; });
}

std::shared_ptr<const NumericalActivation> from_expression(const ActivationSpec& spec) {
  return NumericalActivation::from_expression(
      spec.expression,
      spec.parameters.empty() ? std::nullopt : std::optional(spec.parameters.front().values));
}

/// The problem of an expression as one sentence, or empty.
std::string check_expression(const ActivationSpec& spec) {
  if (spec.expression.empty()) {
    return "activation 'expression' needs the expression, a function of x";
  }
  try {
    static_cast<void>(from_expression(spec));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    if (!entry.is_kernel_only) {
      names.emplace_back(entry.name);
    }
  }
  return names;
}

bool is_kernel_only(const std::string& name) {
  const Entry* entry = find_entry(name);
  return entry != nullptr && entry->is_kernel_only;
}

std::vector<ActivationParameter> activation_parameters(const std::string& name) {
  std::vector<ActivationParameter> parameters;
  if (const Entry* entry = find_entry(name)) {
    for (const ParameterRule& rule : entry->rules) {
      parameters.push_back({std::string(rule.name), describe(rule), rule.fallback, is_list(rule),
                            is_required(rule)});
    }
  }
  return parameters;
}

bool is_possible(const std::string& activation, const ActivationSpec::Parameter& parameter) {
  const ParameterRule* rule = find_rule(activation, parameter.name);
  return rule != nullptr && check_values(parameter, *rule).empty();
}

bool is_list(const std::string& activation, const ActivationSpec::Parameter& parameter) {
  const ParameterRule* rule = find_rule(activation, parameter.name);
  return parameter.values.size() != 1 || (rule != nullptr && is_list(*rule));
}

std::string check_activation(const ActivationSpec& spec) {
  const Entry* entry = find_entry(spec.name);
  if (entry == nullptr) {
    return "unknown activation '" + spec.name + "'; known are " +
           join(activation_names(), [](const std::string& known) { return known; });
  }
  std::string problem = check_parameters(spec, entry->rules);
  if (problem.empty() && entry->kind == EntryKind::expression) {
    problem = check_expression(spec);
  } else if (!spec.expression.empty()) {
    problem = "activation '" + spec.name + "' takes no expression";
  }
  if (problem.empty() && second_moment(spec) == 0.0) {
    problem = "activation '" + spec.name;
    problem += "' is zero everywhere with these parameters, and so would be its kernels";
  }
  return problem;
}

std::string check_parameters(const ActivationSpec& spec, std::span<const ParameterRule> rules) {
  for (std::size_t k = 0; k < spec.parameters.size(); ++k) {
    const auto& parameter = spec.parameters[k];
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const ParameterRule& known) {
      return known.name == parameter.name;
    });
    if (rule == rules.end()) {
      return "activation '" + spec.name + "' has no parameter '" + parameter.name + "'; it has " +
             (rules.empty() ? std::string("none")
                            : join(rules, [](const ParameterRule& known) { return known.name; }));
    }
    for (std::size_t earlier = 0; earlier < k; ++earlier) {
      if (spec.parameters[earlier].name == parameter.name) {
        return "activation '" + spec.name + "' has parameter '" + parameter.name + "' twice";
      }
    }
    if (const std::string problem = check_values(parameter, *rule); !problem.empty()) {
      return "parameter '" + parameter.name + "' of activation '" + spec.name + "' must be " +
             problem;
    }
  }
  for (const ParameterRule& rule : rules) {
    if (is_required(rule) && !is_given(spec, rule)) {
      std::string text = "activation '" + spec.name + "' needs the parameter '";
      text += rule.name;
      text += "'";
      return text;
    }
  }
  return {};
}

ParameterValues resolve_parameters(const ActivationSpec& spec,
                                   std::span<const ParameterRule> rules) {
  ParameterValues values;
  for (const ParameterRule& rule : rules) {
    values.push_back(rule.fallback ? std::vector{*rule.fallback} : std::vector<double>{});
    for (const auto& parameter : spec.parameters) {
      if (parameter.name == rule.name) {
        values.back() = parameter.values;
      }
    }
  }
  return values;
}

PreparedActivation prepare(const ActivationSpec& spec) {
  const Entry* entry = find_entry(spec.name);
  NTKFLOW_EXPECTS(entry != nullptr, spec.name);
  if (entry->kind == EntryKind::expression) {
    return {-1, {}, from_expression(spec)};
  }
  const std::string problem = check_parameters(spec, entry->rules);
  NTKFLOW_EXPECTS(problem.empty(), problem);
  ParameterValues values = resolve_parameters(spec, entry->rules);
  if (entry->kind == EntryKind::numerical) {
    return {-1, {}, NumericalActivation::named(entry->index, values)};
  }
  return {entry->index, std::move(values), nullptr};
}

std::string why_no_ntk(const ActivationSpec& spec) {
  const Entry* entry = find_entry(spec.name);
  NTKFLOW_EXPECTS(entry != nullptr, spec.name);
  if (entry->kind == EntryKind::expression && from_expression(spec)->has_jump()) {
    return "the expression jumps, so its derivative holds a delta function, and the NTK is "
           "infinite "
           "on the diagonal; use kernel.type = \"nngp\", or a steep but continuous function";
  }
  return std::string(entry->no_ntk);
}

bool has_numerical_duals(const ActivationSpec& spec) {
  const Entry* entry = find_entry(spec.name);
  NTKFLOW_EXPECTS(entry != nullptr, spec.name);
  return entry->kind != EntryKind::closed_form;
}

double second_moment(const ActivationSpec& spec) {
  return scalar_diagonal(prepare(spec), 1.0).f;
}

}  // namespace ntkflow
