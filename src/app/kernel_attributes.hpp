#pragma once

#include <string>
#include <variant>

#include <ntkflow/base/error.hpp>
#include <ntkflow/config/run_config.hpp>
#include <ntkflow/io/hdf5_reader.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

// The attributes of /kernel, as `run` writes them and `predict` and `show` read them. A named
// kernel has its name as `type` and each of its parameters. Of a network's kernels the activation's
// are `activation`, its name; `activation_<parameter>`, a scalar for a number and one-dimensional
// for a list; and `activation_expression`, the text of an expression.
namespace ntkflow::app {

inline constexpr const char* kActivationAttribute = "activation";

/// All but how it is evaluated. Collective.
void write_kernel_attributes(ResultFile& file, const KernelOptions& kernel);

/// evaluation_path and evaluation_error. Collective.
void write_evaluation(ResultFile& file, const KernelEvaluator<double>& evaluator);

/// The kernel and how it is evaluated, as a line of the log. Local.
std::string describe_kernel(const KernelOptions& kernel, const KernelEvaluator<double>& evaluator);

/// Local. Throws DataError when an attribute is missing, of another type or impossible.
KernelOptions read_kernel_attributes(const Hdf5Reader& file);

/// The activation alone, whether it is possible or not. Local. Throws DataError when an attribute
/// is missing or of another type.
ActivationSpec read_activation_attributes(const Hdf5Reader& file);

/// An attribute that a file must have, as `Value`. Local. Throws DataError.
template <class Value>
Value required(const Hdf5Reader& file, const std::string& object, const std::string& name) {
  const auto attribute = file.attribute(object, name);
  if (!attribute || !std::holds_alternative<Value>(*attribute)) {
    throw DataError("the file lacks the attribute '" + name + "' of '" + object +
                    "', or it is of another type than ntkflow writes");
  }
  return std::get<Value>(*attribute);
}

}  // namespace ntkflow::app
