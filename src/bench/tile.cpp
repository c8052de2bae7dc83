// Microbenchmarks of the kernel's recursion on one tile that stays in cache, by activation, depth
// and precision. The counter `entries` is in values per second; the inverse times the clock rate
// gives cycles per entry.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/gram/tiles.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

namespace ntkflow {
namespace {

template <class Real>
void evaluate_tile(benchmark::State& state, const std::string& activation) {
  constexpr std::int64_t kDimension = 784;
  const Architecture architecture{
      static_cast<int>(state.range(0)), {activation, {}}, 2.0, 0.01, FirstLayer::normalised};
  const KernelEvaluator<Real> evaluator(architecture, kDimension);
  const std::vector<double> norms(kTileRows, static_cast<double>(kDimension));
  const auto variances = evaluator.variances(norms);
  Matrix<Real> products(kTileRows, kTileCols);
  for (std::int64_t i = 0; i < products.size(); ++i) {
    products.data()[i] = static_cast<Real>(static_cast<double>(kDimension) *
                                           (0.2 + 0.6 * static_cast<double>(i % 101) / 101.0));
  }
  Matrix<Real> ntk(kTileRows, kTileCols);
  for (auto _ : state) {
    evaluator.evaluate(products.view(), variances, 0, variances, 0, {}, ntk.view());
    benchmark::DoNotOptimize(ntk.data());
    benchmark::ClobberMemory();
  }
  state.counters["entries"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(ntk.size()),
                         benchmark::Counter::kIsRate);
}

}  // namespace
}  // namespace ntkflow

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const std::string& activation : ntkflow::activation_names()) {
    if (!ntkflow::check_activation({activation, {}}).empty()) {
      continue;  // needs parameters
    }
    benchmark::RegisterBenchmark((activation + "/double").c_str(), ntkflow::evaluate_tile<double>,
                                 activation)
        ->Arg(3)
        ->Arg(10);
    benchmark::RegisterBenchmark((activation + "/single").c_str(), ntkflow::evaluate_tile<float>,
                                 activation)
        ->Arg(3)
        ->Arg(10);
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
