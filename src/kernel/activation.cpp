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

/// What the lists say about one activation.
struct Entry {
  std::string_view name;
  std::span<const ParameterRule> rules;
  EntryKind kind;
  int index;  ///< in the list of its kind
};

template <class... Activations>
std::vector<Entry> make_entries(ActivationList<Activations...> /*list*/) {
  int index = 0;
  std::vector<Entry> all = {
      Entry{Activations::kName, Activations::kParameters, EntryKind::closed_form, index++}...};
  index = 0;
  for (const NumericalEntry& entry : numerical_entries()) {
    all.push_back({entry.name, entry.rules, EntryKind::numerical, index++});
  }
  all.push_back({"expression", {}, EntryKind::expression, 0});
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

/// Items separated by commas.
template <class Items, class Name>
std::string join(const Items& items, const Name& name_of) {
  std::string text;
  for (const auto& item : items) {
    text += (text.empty() ? "" : ", ") + std::string(name_of(item));
  }
  return text;
}

/// What the values of a parameter must be, and what they are, where they break the rule.
std::string check_values(const ActivationSpec::Parameter& parameter, const ParameterRule& rule) {
  const bool is_list = rule.kind == ParameterKind::list;
  const bool fits_count = is_list
                              ? !parameter.values.empty() && parameter.values.size() <= kMostListed
                              : parameter.values.size() == 1;
  const auto is_possible = [&](double value) {
    return value >= rule.lowest && value <= rule.highest &&
           (rule.kind != ParameterKind::integer || value == std::floor(value));
  };
  const auto wrong =
      std::find_if_not(parameter.values.begin(), parameter.values.end(), is_possible);
  if (fits_count && wrong == parameter.values.end()) {
    return {};
  }
  std::ostringstream text;
  if (is_list) {
    text << "a list of 1 to " << kMostListed << " numbers";
  } else {
    text << (rule.kind == ParameterKind::integer ? "a whole number" : "a number");
  }
  text << " between " << rule.lowest << " and " << rule.highest << ", found ";
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

/// The problem of an expression's parameters, which are its kinks if any. Any number of them may be
/// declared, also none.
std::string check_kinks(const ActivationSpec& spec) {
  for (const auto& parameter : spec.parameters) {
    if (parameter.name != "kinks" || spec.parameters.size() > 1) {
      return "an expression has the parameter 'kinks' at most, found '" + parameter.name + "'";
    }
    for (const double kink : parameter.values) {
      if (!std::isfinite(kink)) {
        return "the kinks of an expression must be finite numbers";
      }
    }
  }
  return {};
}

std::shared_ptr<const NumericalActivation> from_expression(const ActivationSpec& spec) {
  return NumericalActivation::from_expression(
      spec.expression,
      spec.parameters.empty() ? std::nullopt : std::optional(spec.parameters.front().values));
}

}  // namespace

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    names.emplace_back(entry.name);
  }
  return names;
}

std::string check_activation(const ActivationSpec& spec) {
  const Entry* entry = find_entry(spec.name);
  if (entry == nullptr) {
    return "unknown activation '" + spec.name + "'; known are " +
           join(entries(), [](const Entry& known) { return known.name; });
  }
  if (entry->kind != EntryKind::expression) {
    return spec.expression.empty() ? check_parameters(spec, entry->rules)
                                   : "activation '" + spec.name + "' takes no expression";
  }
  if (spec.expression.empty()) {
    return "activation 'expression' needs the expression, a function of x";
  }
  if (std::string problem = check_kinks(spec); !problem.empty()) {
    return problem;
  }
  try {
    static_cast<void>(from_expression(spec));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
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
    if (!rule.fallback && !is_given(spec, rule)) {
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
  const std::string problem = check_activation(spec);
  NTKFLOW_EXPECTS(problem.empty(), problem);
  const Entry* entry = find_entry(spec.name);
  if (entry->kind == EntryKind::expression) {
    return {-1, {}, from_expression(spec)};
  }
  ParameterValues values = resolve_parameters(spec, entry->rules);
  if (entry->kind == EntryKind::numerical) {
    return {-1, {}, NumericalActivation::named(entry->index, values)};
  }
  return {entry->index, std::move(values), nullptr};
}

double second_moment(const ActivationSpec& spec) {
  return scalar_diagonal(prepare(spec), 1.0).f;
}

}  // namespace ntkflow
