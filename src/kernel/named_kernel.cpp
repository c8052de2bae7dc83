#include "ntkflow/kernel/named_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

/// One kernel: its parameters, and its architecture from their values.
struct Entry {
  std::string name;
  std::vector<KernelParameter> parameters;
  Architecture (*architecture)(const std::vector<double>& values);
};

Architecture of_dual(ActivationSpec dual) {
  return {2, std::move(dual), 1.0, 0.0, FirstLayer::normalised};
}

Architecture linear(const std::vector<double>& /*values*/) {
  return {1, {"identity", {}, {}}, 1.0, 0.0, FirstLayer::normalised};
}

Architecture polynomial(const std::vector<double>& values) {
  return of_dual({"offset_power", {{"offset", {values[0]}}, {"degree", {values[1]}}}, {}});
}

Architecture rbf(const std::vector<double>& values) {
  return of_dual({"rbf", {{"gamma", {0.5 / (values[0] * values[0])}}}, {}});
}

Architecture laplace(const std::vector<double>& values) {
  return of_dual({"laplace", {{"length_scale", {values[0]}}}, {}});
}

Architecture arccos(const std::vector<double>& values) {
  const double order = values[0];
  const ActivationSpec activation =
      order == 0.0 ? ActivationSpec{"step", {}, {}}
                   : ActivationSpec{"rectified_monomial", {{"degree", {order}}}, {}};
  return {static_cast<int>(values[1]), activation, 2.0, 0.0, FirstLayer::plain};
}

const std::vector<Entry>& entries() {
  constexpr double kMostLayers = std::numeric_limits<int>::max();
  const KernelParameter length_scale{"length_scale", 1.0, 1e-6, 1e6};
  static const std::vector<Entry> all = {
      {"linear", {}, linear},
      {"polynomial", {{"offset", 1.0, 0.0, 1e6}, {"degree", 2.0, 1.0, 100.0, true}}, polynomial},
      {"rbf", {length_scale}, rbf},
      {"laplace", {length_scale}, laplace},
      {"arccos", {{"order", 1.0, 0.0, 5.0, true}, {"depth", 3.0, 1.0, kMostLayers, true}}, arccos},
  };
  return all;
}

const Entry* find_entry(const std::string& name) {
  const auto found = std::find_if(entries().begin(), entries().end(),
                                  [&](const Entry& entry) { return entry.name == name; });
  return found == entries().end() ? nullptr : &*found;
}

}  // namespace

bool KernelParameter::allows(double value) const {
  return value >= lowest && value <= highest && (!is_integer || value == std::floor(value));
}

std::vector<std::string> named_kernels() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    names.push_back(entry.name);
  }
  return names;
}

std::vector<KernelParameter> kernel_parameters(const std::string& name) {
  const Entry* entry = find_entry(name);
  return entry == nullptr ? std::vector<KernelParameter>{} : entry->parameters;
}

std::string check_named_kernel(const NamedKernel& kernel) {
  std::ostringstream text;
  const Entry* entry = find_entry(kernel.name);
  if (entry == nullptr) {
    text << "unknown kernel '" << kernel.name << "'";
    return text.str();
  }
  if (kernel.parameters.size() != entry->parameters.size()) {
    text << "kernel '" << kernel.name << "' has " << entry->parameters.size()
         << " parameters, found " << kernel.parameters.size();
    return text.str();
  }
  for (std::size_t k = 0; k < kernel.parameters.size(); ++k) {
    const KernelParameter& rule = entry->parameters[k];
    if (!rule.allows(kernel.parameters[k])) {
      text << rule.name << " of kernel '" << kernel.name << "' must be "
           << (rule.is_integer ? "a whole number" : "a number") << " between " << rule.lowest
           << " and " << rule.highest << ", found " << kernel.parameters[k];
      return text.str();
    }
  }
  return {};
}

Architecture architecture_of(const NamedKernel& kernel) {
  const std::string problem = check_named_kernel(kernel);
  NTKFLOW_EXPECTS(problem.empty(), problem);
  return find_entry(kernel.name)->architecture(kernel.parameters);
}

}  // namespace ntkflow
