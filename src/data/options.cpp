#include "ntkflow/data/options.hpp"

#include <array>
#include <utility>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

constexpr std::array kStepNames{
    std::pair{PreprocessStep::unit_interval, "unit_interval"},
    std::pair{PreprocessStep::center, "center"},
    std::pair{PreprocessStep::center_features, "center_features"},
    std::pair{PreprocessStep::standardize_features, "standardize_features"},
    std::pair{PreprocessStep::standardize_samples, "standardize_samples"},
    std::pair{PreprocessStep::unit_norm, "unit_norm"},
    std::pair{PreprocessStep::sphere, "sphere"},
};

}  // namespace

std::string to_string(PreprocessStep step) {
  for (const auto& [value, name] : kStepNames) {
    if (value == step) {
      return name;
    }
  }
  NTKFLOW_EXPECTS(false, static_cast<int>(step));
  return {};
}

std::optional<PreprocessStep> preprocess_step_from(const std::string& name) {
  for (const auto& [value, known] : kStepNames) {
    if (name == known) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace ntkflow
