#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ntkflow_version.h>

#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>
#include <ntkflow/linalg/local.hpp>

#include "commands.hpp"
#include "problem.hpp"

namespace ntkflow::app {
namespace {

/// "leaky_relu (negative_slope = 0.01)", with the default of each parameter that has one.
std::string describe_activation(const std::string& name) {
  std::string parameters;
  for (const ActivationParameter& parameter : activation_parameters(name)) {
    parameters += parameters.empty() ? "" : ", ";
    parameters += parameter.name;
    if (parameter.fallback) {
      parameters += fmt::format(" = {}", *parameter.fallback);
    }
  }
  return parameters.empty() ? name : fmt::format("{} ({})", name, parameters);
}

/// Items with commas between, in lines of at most 100 columns that all begin under the first.
std::string wrap(const std::string& title, const std::vector<std::string>& items) {
  constexpr std::size_t kColumns = 100;
  constexpr std::size_t kIndent = 13;
  std::string text;
  std::string line = fmt::format("{:<{}}", title, kIndent);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = items[i] + (i + 1 < items.size() ? "," : "");
    if (line.size() + 1 + item.size() > kColumns) {
      text += line + "\n";
      line = std::string(kIndent, ' ');
    } else if (i > 0) {
      line += " ";
    }
    line += item;
  }
  return text + line + "\n";
}

}  // namespace

void info(const Communicator& comm, const CommandLine& /*line*/) {
  const int threads = choose_threads(comm, {}, silent_monitor());
  if (comm.rank() != 0) {
    return;
  }
  const std::string fault = blas_self_test();
  fmt::print("ntkflow      {} ({})\n", NTKFLOW_VERSION, NTKFLOW_GIT_REVISION);
  fmt::print("MPI          {}\n", MpiSession::library_version());
  fmt::print("ranks        {}, {} thread{} each\n", comm.size(), threads, threads == 1 ? "" : "s");
  fmt::print("BLAS         {}, self-test {}\n", blas_description(),
             fault.empty() ? "passed" : fault);
  fmt::print("ScaLAPACK    {}\n", NTKFLOW_SCALAPACK_LIBRARY);
  fmt::print("HDF5         {}\n", hdf5_version());
  fmt::print("SIMD         {} in use; compiled: {}\n", simd_target_in_use(),
             fmt::join(simd_targets_compiled(), ", "));
  fmt::print("ELPA         no\n");
  std::vector<std::string> activations;
  for (const std::string& name : activation_names()) {
    activations.push_back(describe_activation(name));
  }
  fmt::print("{}", wrap("activations", activations));
  std::fflush(stdout);
}

}  // namespace ntkflow::app
