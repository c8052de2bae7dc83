#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostPaths = 1'000'000;

}  // namespace

PosteriorTable read_posterior(const TableReader& posterior, const KernelOptions& kernel) {
  Times times = posterior.has("times")
                    ? read_times(posterior, "times", Infinity::allowed)
                    : Times{{std::numeric_limits<double>::infinity()}, std::nullopt};
  PosteriorTable read{{}, times.grid};
  PosteriorOptions& options = read.options;
  options.times = std::move(times.values);
  options.time_unit = posterior.choice("time_unit", kTimeUnits).value_or(options.time_unit);
  const auto training = posterior.choice("training", kTrainedLayers);
  options.training =
      training.value_or(kernel.type == KernelType::ntk ? TrainedLayers::all : TrainedLayers::last);
  if (kernel.type == KernelType::nngp && training == TrainedLayers::all) {
    posterior.complain(
        "training",
        fmt::format("training all layers moves f_t by the NTK, and kernel.type is \"{}\"; "
                    "allowed: \"last_layer\", or kernel.type = \"ntk\"",
                    kernel.named ? kernel.named->name : "nngp"));
  }
  options.covariance = posterior.boolean("covariance").value_or(options.covariance);
  if (posterior.has("quantiles")) {
    options.quantiles = read_quantiles(posterior, 0);
  }
  options.samples = posterior.integer("samples", 0, kMostPaths).value_or(options.samples);
  options.seed = static_cast<std::uint64_t>(posterior.integer("seed", 0).value_or(0));
  return read;
}

}  // namespace ntkflow::config
