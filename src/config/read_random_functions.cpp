#include <string>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostFunctions = std::int64_t{1} << 24;
constexpr std::int64_t kMostRepetitions = 1'000;
constexpr std::size_t kMostCounts = 1'000;

}  // namespace

RandomFunctionsOptions read_random_functions(const TableReader& functions,
                                             const KernelOptions& kernel) {
  RandomFunctionsOptions options;
  if (functions.has("counts")) {
    options.counts = read_ascending<std::int64_t>(
        functions, "counts", {1, kMostCounts},
        [](std::int64_t count) { return count >= 1 && count <= kMostFunctions; });
  } else {
    functions.require("counts");
  }
  options.source = functions.choice("source", kFunctionSources).value_or(options.source);
  const bool is_network = options.source == FunctionSource::network;
  options.width = functions.integer("width", 1, kMostFunctions).value_or(options.width);
  if (functions.has("width") && !is_network) {
    functions.complain("width",
                       "a Gaussian process has no units; allowed with source = \"network\"");
  }
  options.draws = functions.integer("draws", 1, kMostRepetitions).value_or(options.draws);
  options.seed = static_cast<std::uint64_t>(functions.integer("seed", 0).value_or(0));
  if (is_network && (kernel.type != KernelType::nngp || kernel.architecture.depth != 2)) {
    functions.complain("source",
                       "networks of one hidden layer have the covariance of the NNGP kernel of "
                       "depth 2 and no other; allowed: \"gaussian_process\", or kernel.type = "
                       "\"nngp\" with kernel.depth = 2");
  } else if (const std::string problem = check_kernel(kernel.architecture, KernelType::ntk);
             is_network && !problem.empty()) {
    functions.complain("source", "no finite network is drawn with this activation: " + problem);
  }
  return options;
}

}  // namespace ntkflow::config
