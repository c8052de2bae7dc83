#include "activation.hpp"

#include <algorithm>
#include <sstream>

#include <ntkflow/base/contract.hpp>

#include "scalar.hpp"

namespace ntkflow {
namespace {

/// What the list says about one activation.
struct Entry {
  std::string_view name;
  std::span<const ParameterRule> rules;
};

template <class... Activations>
std::vector<Entry> make_entries(ActivationList<Activations...> /*list*/) {
  return {Entry{Activations::kName, Activations::kParameters}...};
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
  return check_parameters(spec, entry->rules);
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
    if (!(parameter.value >= rule->lowest && parameter.value <= rule->highest)) {
      std::ostringstream text;
      text << "parameter '" << parameter.name << "' of activation '" << spec.name
           << "' must lie between " << rule->lowest << " and " << rule->highest << ", found "
           << parameter.value;
      return text.str();
    }
  }
  return {};
}

std::vector<double> resolve_parameters(const ActivationSpec& spec,
                                       std::span<const ParameterRule> rules) {
  std::vector<double> values;
  for (const ParameterRule& rule : rules) {
    values.push_back(rule.fallback);
    for (const auto& parameter : spec.parameters) {
      if (parameter.name == rule.name) {
        values.back() = parameter.value;
      }
    }
  }
  return values;
}

PreparedActivation prepare(const ActivationSpec& spec) {
  const std::string problem = check_activation(spec);
  NTKFLOW_EXPECTS(problem.empty(), problem);
  const Entry* entry = find_entry(spec.name);
  return {static_cast<int>(entry - entries().data()), resolve_parameters(spec, entry->rules)};
}

double second_moment(const ActivationSpec& spec) {
  double moment = 0.0;
  visit_activation(scalar::Activations(), prepare(spec),
                   [&](const auto& activation) { moment = activation.diagonal(1.0).f; });
  return moment;
}

}  // namespace ntkflow
