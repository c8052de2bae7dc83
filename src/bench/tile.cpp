// Microbenchmarks of the kernel's recursion on one tile that stays in cache, by activation,
// precision, samples of equal norm (sphere) or not (raw), and depth. The counter `cycles` is clock
// cycles per entry; the label is the evaluation path.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/gram/tiles.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "clock_rate.hpp"

namespace ntkflow {
namespace {

template <class Real>
void evaluate_tile(benchmark::State& state, const std::string& activation, bool is_raw) {
  constexpr std::int64_t kDimension = 784;
  const Architecture architecture{
      static_cast<int>(state.range(0)), {activation, {}}, 2.0, 0.01, FirstLayer::normalised};
  std::vector<double> squared_norms(kTileRows, static_cast<double>(kDimension));
  for (std::size_t i = 0; is_raw && i < squared_norms.size(); ++i) {
    squared_norms[i] *= std::pow(25.0, static_cast<double>(i * 37 % 101) / 101.0 - 0.5);
  }
  const auto [smallest, largest] = std::minmax_element(squared_norms.begin(), squared_norms.end());
  const KernelEvaluator<Real> evaluator(architecture, kDimension, {*smallest, *largest});
  state.SetLabel(to_string(evaluator.path()));
  if (evaluator.path() == EvaluationPath::reference) {
    state.SkipWithError("evaluated pair by pair, which takes a minute");
    return;
  }
  const auto variances = evaluator.variances(squared_norms);
  Matrix<Real> products(kTileRows, kTileCols);
  for (std::int64_t j = 0; j < kTileCols; ++j) {
    for (std::int64_t i = 0; i < kTileRows; ++i) {
      const double correlation = 0.2 + 0.6 * static_cast<double>((i + j * kTileRows) % 101) / 101.0;
      products(i, j) =
          static_cast<Real>(correlation * std::sqrt(squared_norms[static_cast<std::size_t>(i)] *
                                                    squared_norms[static_cast<std::size_t>(j)]));
    }
  }
  Matrix<Real> ntk(kTileRows, kTileCols);
  const std::clock_t begin = std::clock();
  for (auto _ : state) {
    evaluator.evaluate(products.view(), variances, 0, variances, 0, {}, ntk.view());
    benchmark::DoNotOptimize(ntk.data());
    benchmark::ClobberMemory();
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const double entries = static_cast<double>(state.iterations()) * static_cast<double>(ntk.size());
  state.counters["cycles"] = seconds * bench::clock_rate() / entries;
}

template <class Real>
void add_benchmarks(const std::string& activation, const std::string& precision) {
  for (const bool is_raw : {false, true}) {
    const std::string name = activation + "/" + precision + (is_raw ? "/raw" : "/sphere");
    benchmark::RegisterBenchmark(name.c_str(), evaluate_tile<Real>, activation, is_raw)
        ->Arg(3)
        ->Arg(10);
  }
}

}  // namespace
}  // namespace ntkflow

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const std::string& activation : ntkflow::activation_names()) {
    if (ntkflow::check_activation({activation, {}}).empty()) {  // needs no parameters
      ntkflow::add_benchmarks<double>(activation, "double");
      ntkflow::add_benchmarks<float>(activation, "single");
    }
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
