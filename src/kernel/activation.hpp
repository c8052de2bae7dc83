#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ntkflow/kernel/architecture.hpp>

// What the files in activations/ are written with, and how the rest of the module uses them.
namespace ntkflow {

/// F = E[s(u) s(v)] and G = E[s'(u) s'(v)] = dF/dc of an activation s.
template <class Value>
struct Duals {
  Value f;
  Value g;
};

/// Duals of a pair whose correlation is close to 1 or -1.
struct NearDuals {
  double f = 0.0;
  double g = 0.0;
  double gap = 0.0;  ///< sqrt(F(q1, q1, q1) F(q2, q2, q2)) - |f|
};

/// s(x) and s'(x).
template <class Value>
struct ValueAndSlope {
  Value value;
  Value slope;
};

/// What a parameter may be: a number, a whole number, a list of 1 to kMostListed numbers, or a list
/// that may be empty or, which is something else, absent.
enum class ParameterKind { real, integer, list, optional_list };
inline constexpr std::size_t kMostListed = 17;

/// A parameter of an activation: its name in the configuration, the value when absent (none: it
/// must be given), and the closed interval of possible values.
struct ParameterRule {
  std::string_view name;
  std::optional<double> fallback;
  double lowest;
  double highest;
  ParameterKind kind = ParameterKind::real;
};

/// The values of an activation's parameters in the order of its rules; a number is a list of one.
using ParameterValues = std::vector<std::vector<double>>;

/// Base of activations without parameters.
struct Parameterless {
  static constexpr std::array<ParameterRule, 0> kParameters{};
  explicit Parameterless(const ParameterValues& /*values*/) {}
};

class NumericalActivation;

/// An activation in the form that evaluation uses: its place in the list of closed forms and its
/// parameters in the order of its rules, or its function where there is no closed form. Cheap to
/// pass on, free of strings.
struct PreparedActivation {
  int index = 0;
  ParameterValues parameters;
  std::shared_ptr<const NumericalActivation> numerical;  ///< null with closed forms
};

/// Local. `spec` must be valid.
PreparedActivation prepare(const ActivationSpec& spec);

/// Whether no activation of this name can be asked for: its dual serves a named kernel. Local.
bool is_kernel_only(const std::string& name);

/// The problem of a spec under the rules of its activation as one sentence, or empty. Local.
std::string check_parameters(const ActivationSpec& spec, std::span<const ParameterRule> rules);

/// The values of a valid spec in the order of the rules, with defaults filled in. Local.
ParameterValues resolve_parameters(const ActivationSpec& spec,
                                   std::span<const ParameterRule> rules);

template <class... Activations>
struct ActivationList {};

/// Calls visit(activation) with the activation of that index, which has closed forms. Local.
template <class... Activations, class Visit>
void visit_activation(ActivationList<Activations...> /*list*/, const PreparedActivation& prepared,
                      const Visit& visit) {
  int index = 0;
  ((index++ == prepared.index ? visit(Activations(prepared.parameters)) : void()), ...);
}

}  // namespace ntkflow
