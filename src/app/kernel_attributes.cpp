#include "kernel_attributes.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace ntkflow::app {
namespace {

const std::string kGroup = "/kernel";
const std::string kPrefix = "activation_";
const std::string kExpression = "expression";

/// One of two words that an attribute may hold.
template <class Choice>
Choice one_of(const Hdf5Reader& file, const std::string& name,
              const std::pair<const char*, Choice>& first,
              const std::pair<const char*, Choice>& second) {
  const auto found = required<std::string>(file, kGroup, name);
  for (const auto& [word, choice] : {first, second}) {
    if (found == word) {
      return choice;
    }
  }
  throw DataError(fmt::format("the attribute '{}' of '{}' is '{}', and must be '{}' or '{}'", name,
                              kGroup, found, first.first, second.first));
}

constexpr std::pair kNtk{"ntk", KernelType::ntk};
constexpr std::pair kNngp{"nngp", KernelType::nngp};
constexpr std::pair kNormalised{"normalised", FirstLayer::normalised};
constexpr std::pair kPlain{"plain", FirstLayer::plain};

int read_depth(const Hdf5Reader& file) {
  const auto depth = required<std::int64_t>(file, kGroup, "depth");
  if (depth < 1 || depth > std::numeric_limits<int>::max()) {
    throw DataError(
        fmt::format("the attribute 'depth' of '{}' is {}, which no network has", kGroup, depth));
  }
  return static_cast<int>(depth);
}

void write_activation(ResultFile& file, const ActivationSpec& activation) {
  file.attribute(kGroup, kActivationAttribute, activation.name);
  if (activation.name == kExpression) {
    file.attribute(kGroup, kPrefix + kExpression, activation.expression);
  }
  for (const auto& parameter : activation.parameters) {
    file.attribute(kGroup, kPrefix + parameter.name,
                   is_list(activation.name, parameter) ? Attribute(parameter.values)
                                                       : Attribute(parameter.values.front()));
  }
}

void write_named_kernel(ResultFile& file, const NamedKernel& kernel) {
  file.attribute(kGroup, "type", kernel.name);
  const auto parameters = kernel_parameters(kernel.name);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const double value = kernel.parameters[k];
    file.attribute(
        kGroup, parameters[k].name,
        parameters[k].is_integer ? Attribute(static_cast<std::int64_t>(value)) : Attribute(value));
  }
}

KernelOptions read_named_kernel(const Hdf5Reader& file, const std::string& name) {
  NamedKernel kernel{name, {}};
  for (const KernelParameter& parameter : kernel_parameters(name)) {
    kernel.parameters.push_back(
        parameter.is_integer
            ? static_cast<double>(required<std::int64_t>(file, kGroup, parameter.name))
            : required<double>(file, kGroup, parameter.name));
  }
  if (const std::string problem = check_named_kernel(kernel); !problem.empty()) {
    throw DataError("the file describes an impossible kernel: " + problem);
  }
  return {KernelType::nngp, architecture_of(kernel), EvaluationPath::automatic, kernel};
}

}  // namespace

void write_kernel_attributes(ResultFile& file, const KernelOptions& kernel) {
  if (kernel.named) {
    write_named_kernel(file, *kernel.named);
    return;
  }
  const Architecture& architecture = kernel.architecture;
  const bool is_ntk = kernel.type == KernelType::ntk;
  const bool is_plain = architecture.first_layer == FirstLayer::plain;
  file.attribute(kGroup, "type", std::string((is_ntk ? kNtk : kNngp).first));
  write_activation(file, architecture.activation);
  file.attribute(kGroup, "depth", static_cast<std::int64_t>(architecture.depth));
  file.attribute(kGroup, "weight_variance", architecture.weight_variance);
  file.attribute(kGroup, "bias_variance", architecture.bias_variance);
  file.attribute(kGroup, "first_layer", std::string((is_plain ? kPlain : kNormalised).first));
}

void write_evaluation(ResultFile& file, const KernelEvaluator<double>& evaluator) {
  file.attribute(kGroup, "evaluation_path", to_string(evaluator.path()));
  file.attribute(kGroup, "evaluation_error", evaluator.error());
}

std::string describe_kernel(const KernelOptions& kernel, const KernelEvaluator<double>& evaluator) {
  if (kernel.named) {
    return fmt::format("kernel  {}: {}", named_kernel_text(*kernel.named), evaluator.description());
  }
  return fmt::format("kernel  {} of {}, depth {}: {}",
                     (kernel.type == KernelType::ntk ? kNtk : kNngp).first,
                     activation_toml(kernel.architecture.activation), kernel.architecture.depth,
                     evaluator.description());
}

ActivationSpec read_activation_attributes(const Hdf5Reader& file) {
  ActivationSpec activation;
  activation.name = required<std::string>(file, kGroup, kActivationAttribute);
  if (activation.name == kExpression) {
    activation.expression = required<std::string>(file, kGroup, kPrefix + kExpression);
  }
  for (const std::string& name : file.attribute_names(kGroup)) {
    if (!name.starts_with(kPrefix) || name == kPrefix + kExpression) {
      continue;
    }
    const Attribute value = *file.attribute(kGroup, name);
    ActivationSpec::Parameter parameter{name.substr(kPrefix.size()), {}};
    if (const auto* number = std::get_if<double>(&value)) {
      parameter.values = {*number};
    } else {
      parameter.values = required<std::vector<double>>(file, kGroup, name);
    }
    activation.parameters.push_back(std::move(parameter));
  }
  return activation;
}

KernelOptions read_kernel_attributes(const Hdf5Reader& file) {
  const auto type = required<std::string>(file, kGroup, "type");
  const auto names = named_kernels();
  if (std::find(names.begin(), names.end(), type) != names.end()) {
    return read_named_kernel(file, type);
  }
  KernelOptions kernel;
  Architecture& architecture = kernel.architecture;
  kernel.type = one_of(file, "type", kNtk, kNngp);
  architecture.activation = read_activation_attributes(file);
  architecture.depth = read_depth(file);
  architecture.weight_variance = required<double>(file, kGroup, "weight_variance");
  architecture.bias_variance = required<double>(file, kGroup, "bias_variance");
  architecture.first_layer = one_of(file, "first_layer", kNormalised, kPlain);
  if (const std::string problem = check_kernel(architecture, kernel.type); !problem.empty()) {
    throw DataError("the file describes an impossible kernel: " + problem);
  }
  return kernel;
}

}  // namespace ntkflow::app
