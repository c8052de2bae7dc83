// A training step of a network against the bare products of the same shapes, and against reading
// its weights.
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/training.hpp>

#include "bench_support.hpp"

namespace ntkflow::bench {
namespace {

struct NetworkOptions {
  NetworkShape shape{784, 2048, 10};
  std::int64_t samples = 512;
  std::string activation = "relu";
};

/// Steps behind one measurement. Where updates wait, enough that they are added to the weights
/// twice.
std::int64_t steps_of(std::int64_t samples) {
  return samples < 64 ? 128 / samples : 2;
}

/// Seconds of a step: the time from one visit to a later one, which leaves out all preparation.
template <class Real>
double step_seconds(Network<Real>& network, const Matrix<Real>& x, const Matrix<double>& target) {
  const std::int64_t steps = steps_of(x.cols());
  const TrainingOptions options{0.01, steps};
  Stopwatch watch;
  double first = 0.0;
  double last = 0.0;
  const TrainingVisit visit = [&](std::int64_t step, const Matrix<double>& /*outputs*/) {
    (step == 0 ? first : last) = watch.seconds();
  };
  const TrainingOutcome outcome =
      train<Real>(network, x.view(), target, options, visit, silent_monitor());
  if (outcome.diverged_at >= 0) {
    throw NumericalError("training diverged");
  }
  return (last - first) / static_cast<double>(steps);
}

/// The matrices of one layer's products.
template <class Real>
struct LayerProducts {
  Matrix<Real> weights;
  Matrix<Real> inputs;
  Matrix<Real> outputs;
};

template <class Real>
inline constexpr auto kStep = static_cast<Real>(1e-9);  // a product with 0 would be skipped

/// Forward, backward and update, by products alone. Results keep their size from call to call.
template <class Real>
void multiply_all(std::vector<LayerProducts<Real>>& layers) {
  for (auto& [w, a, z] : layers) {
    const auto scale = static_cast<Real>(1.0 / std::sqrt(static_cast<double>(w.cols())));
    multiply<Real>(Transpose::no, Transpose::no, scale, w.view(), a.view(), Real{0}, z.view());
  }
  for (std::size_t layer = layers.size(); layer > 0; --layer) {
    auto& [w, a, z] = layers[layer - 1];
    const auto scale = static_cast<Real>(1.0 / std::sqrt(static_cast<double>(w.rows())));
    if (layer > 1) {
      multiply<Real>(Transpose::yes, Transpose::no, scale, w.view(), z.view(), Real{0}, a.view());
    }
    multiply<Real>(Transpose::no, Transpose::yes, kStep<Real>, z.view(), a.view(), Real{1},
                   w.view());
  }
}

/// Reads all weights once.
template <class Real>
Real sum_of(const Network<Real>& network) {
  constexpr std::int64_t kLanes = 16;  // sums side by side, which the compiler turns into vectors
  std::array<Real, kLanes> sums{};
  for (int layer = 0; layer < network.depth(); ++layer) {
    const Matrix<Real>& w = network.weights(layer);
    for (std::int64_t k = 0; k + kLanes <= w.size(); k += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        sums[static_cast<std::size_t>(lane)] += w.data()[k + lane];
      }
    }
  }
  return std::accumulate(sums.begin(), sums.end(), Real{0});
}

template <class Real>
void measure(const Options& options, const NetworkOptions& network_options) {
  const NetworkShape& shape = network_options.shape;
  const Architecture architecture{
      options.depth, {network_options.activation, {}}, 2.0, 0.01, FirstLayer::normalised};
  if (const std::string problem = check_kernel(architecture, KernelType::ntk); !problem.empty()) {
    throw ConfigError(problem);
  }
  Network<Real> network(architecture, shape, {1, 0});
  const RandomStream random(2, 0);
  Matrix<Real> x(shape.inputs, network_options.samples);
  random.normals(0, 0, std::span(x.data(), static_cast<std::size_t>(x.size())));
  Matrix<double> target(network_options.samples, shape.outputs);
  random.normals(1, 0, std::span(target.data(), static_cast<std::size_t>(target.size())));

  std::vector<LayerProducts<Real>> products;
  double flops = 0.0;
  double weights = 0.0;
  for (int layer = 0; layer < options.depth; ++layer) {
    const std::int64_t fan_in = network.fan_in(layer);
    const std::int64_t fan_out = network.fan_out(layer);
    products.push_back({Matrix<Real>(fan_out, fan_in), Matrix<Real>(fan_in, x.cols()),
                        Matrix<Real>(fan_out, x.cols())});
    for (auto* matrix : {&products.back().weights, &products.back().inputs}) {
      random.normals(2, 0, std::span(matrix->data(), static_cast<std::size_t>(matrix->size())));
    }
    const auto elements = static_cast<double>(fan_in * fan_out);
    flops += (layer == 0 ? 4.0 : 6.0) * elements * static_cast<double>(x.cols());
    weights += elements;
  }
  std::vector<double> read;
  const auto bare = [&] {
    Stopwatch watch;
    volatile Real sum = sum_of(network);
    static_cast<void>(sum);
    read.push_back(watch.seconds());
    watch = Stopwatch();
    multiply_all(products);
    return watch.seconds();
  };
  const Samples samples = alternate(
      options.repeats, [&] { return step_seconds(network, x, target); }, bare);
  const double seconds = median(samples.phase);
  const double bare_seconds = median(samples.bare);
  const double gigabytes = weights * sizeof(Real) * 1e-9;
  fmt::print(
      "network,{},{},{},{},{},{},{},{},{},{},{:.6f},{:.6f},{:.3f},{:.2f},{:.2f},{:.2f},{:.2f}\n",
      NTKFLOW_VERSION, shape.width, network_options.samples, shape.inputs, shape.outputs,
      options.depth, network_options.activation, options.threads, options.precision,
      options.repeats, seconds, bare_seconds,
      paired_median(samples, [](double phase, double gemm) { return gemm / phase; }),
      flops / seconds * 1e-9, flops / bare_seconds * 1e-9, 2.0 * gigabytes / seconds,
      gigabytes / median(read));
}

}  // namespace
}  // namespace ntkflow::bench

// NOLINTNEXTLINE(bugprone-exception-escape): MpiSession ends all ranks on an uncaught one
int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "A step of gradient descent on a fully connected network against the bare matrix products of "
      "the same shapes, as CSV: `relative_rate` is the step's share of their rate, `weights_gbs` "
      "twice the bytes of the weights over the time of a step, `read_gbs` the rate at which the "
      "weights can be read at all.");
  Options options;
  options.depth = 4;
  NetworkOptions network;
  app.option_defaults()->always_capture_default();
  const CLI::Range positive(1, 1'000'000'000);
  app.add_option("--width", network.shape.width, "units of a hidden layer")->check(positive);
  app.add_option("--samples", network.samples, "samples in the batch")->check(positive);
  app.add_option("--inputs", network.shape.inputs, "values per sample")->check(positive);
  app.add_option("--outputs", network.shape.outputs, "outputs")->check(positive);
  app.add_option("--depth", options.depth, "affine layers")->check(positive);
  app.add_option("--activation", network.activation, "activation by name")
      ->check(CLI::IsMember(activation_names()));
  app.add_option("--repeats", options.repeats, "measurements behind each median")->check(positive);
  app.add_option("--precision", options.precision, "precision of the network")
      ->check(CLI::IsMember({"double", "single"}));
  app.add_option("--threads", options.threads, "BLAS threads")->check(positive);
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    if (world.size() > 1) {
      throw ConfigError("a network is trained by one rank; run this without mpirun");
    }
    fmt::print(
        "phase,version,width,samples,inputs,outputs,depth,activation,threads,precision,repeats,"
        "seconds,bare_seconds,relative_rate,gflops,bare_gflops,weights_gbs,read_gbs\n");
    if (options.precision == "double") {
      measure<double>(options, network);
    } else {
      measure<float>(options, network);
    }
  });
}
