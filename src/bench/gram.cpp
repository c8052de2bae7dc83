// Measures the distributed Gram matrix against the matrix products of the same tiles alone, on the
// same ranks in the same run: what is left is the price of new memory, of the kernel's recursion,
// of the diagonal and of the search for nearly equal samples.
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/gram/tiles.hpp>

#include "bench_support.hpp"
#include "clock_rate.hpp"

namespace ntkflow::bench {
namespace {

/// What this driver measures beside the options of all.
struct GramOptions {
  std::string activation = "relu";
  std::string type = "ntk";
  std::string data = "sphere";
  std::string memory = "kept";
  EvaluationPath path = EvaluationPath::automatic;
  double weight_variance = 2.0;
  double bias_variance = 0.01;
};

/// Samples with correlations between 0.4 and 0.6, as images have them. On the sphere |x|^2 = d; raw
/// norms lie between 5^(-1/2) and 5^(1/2) times that of the sphere.
template <class Real>
Matrix<Real> make_samples(const BlockCyclic& map, std::int64_t d, bool is_raw) {
  const RandomStream stream(1, 0);
  Matrix<Real> x(d, map.local_size());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    const auto position = static_cast<std::uint64_t>(map.to_global({j}).value);
    double norm = 0.0;
    for (std::int64_t i = 0; i < d; ++i) {
      x(i, j) = static_cast<Real>(
          1.0 + 2.0 * (stream.uniform(position, static_cast<std::uint64_t>(i)) - 0.5) * 1.7);
      norm += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
    }
    const double scale =
        is_raw ? std::pow(5.0, stream.uniform(position, static_cast<std::uint64_t>(d)) - 0.5) : 1.0;
    const auto factor = static_cast<Real>(scale * std::sqrt(static_cast<double>(d) / norm));
    for (std::int64_t i = 0; i < d; ++i) {
      x(i, j) *= factor;
    }
  }
  return x;
}

/// Makes a matrix and writes to each page of its lower triangle, as whoever fills one has to.
/// Local.
template <class Real>
void take_memory(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n,
                 std::int64_t block) {
  constexpr std::int64_t kPage = 4096 / static_cast<std::int64_t>(sizeof(Real));
  DistMatrix<Real> k(grid, n, n, block);
  for (std::int64_t j = 0; j < k.local_cols(); ++j) {
    for (std::int64_t i = k.row_map().local_count_below(k.col_map().to_global({j}));
         i < k.local_rows(); i += kPage) {
      k.local()(i, j) = Real{1};
    }
  }
}

template <class Real>
void measure(const Communicator& world, const Options& options, const GramOptions& gram_options,
             const Architecture& architecture) {
  const GridShape shape = parse_grid(options.grid, world.size());
  const auto grid = ProcessGrid::create(world, shape);
  const std::int64_t block = options.block.value_or(128);
  const BlockCyclic row_map(options.n, block, shape.rows, grid->row());
  const BlockCyclic col_map(options.n, block, shape.cols, grid->col());
  std::optional<Matrix<Real>> row_x;
  std::optional<Matrix<Real>> col_x;
  std::optional<DistMatrix<Real>> products;
  collectively(world, [&] {
    const bool is_raw = gram_options.data == "raw";
    row_x = make_samples<Real>(row_map, options.d, is_raw);
    col_x = make_samples<Real>(col_map, options.d, is_raw);
    products.emplace(grid, options.n, options.n, block);
  });
  const NormRange mine = norm_range<Real>(std::as_const(*row_x).view());
  const NormRange norms{world.min(mine.smallest), world.max(mine.largest)};
  std::shared_ptr<const KernelEvaluator<Real>> evaluator;
  std::shared_ptr<const KernelSamples<Real>> rows;
  std::shared_ptr<const KernelSamples<Real>> cols;
  collectively(world, [&] {
    evaluator = std::make_shared<const KernelEvaluator<Real>>(architecture, options.d, norms,
                                                              gram_options.path);
    rows = std::make_shared<const KernelSamples<Real>>(*evaluator, *std::move(row_x));
    cols = std::make_shared<const KernelSamples<Real>>(*evaluator, *std::move(col_x));
  });
  const KernelType type = gram_options.type == "ntk" ? KernelType::ntk : KernelType::nngp;
  const KernelMatrix<Real> kernel(grid, evaluator, type, row_map, rows, col_map, cols);

  std::optional<DistMatrix<Real>> kept;
  if (gram_options.memory == "kept") {
    collectively(world, [&] { kept.emplace(grid, options.n, options.n, block); });
  }
  std::vector<double> memory;
  std::vector<double> clock;
  const auto gram = [&] {
    // Also for the kernel matrix's sake: memory that a virtual machine has given back to its host
    // is there again.
    if (!kept) {
      memory.push_back(timed(world, [&] { take_memory<Real>(grid, options.n, block); }));
    }
    clock.push_back(clock_rate());
    return timed(world, [&] {
      if (kept) {
        kernel.fill_symmetric(std::span(&*kept, 1), Triangle::lower, silent_monitor());
      } else {
        (void)kernel.assemble_symmetric(Triangle::lower, silent_monitor());
      }
    });
  };
  double entries = 0.0;
  for_each_lower_tile(row_map, col_map,
                      [&](std::int64_t, std::int64_t, std::int64_t m, std::int64_t n) {
                        entries += static_cast<double>(m * n);
                      });
  world.sum(std::span(&entries, 1));
  const auto bare = [&] {
    return timed(world, [&] {
      for_each_lower_tile(row_map, col_map,
                          [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
                            multiply<Real>(Transpose::yes, Transpose::no, Real{1},
                                           rows->x().view().block(0, row, options.d, m),
                                           cols->x().view().block(0, col, options.d, n), Real{0},
                                           products->local().block(row, col, m, n));
                          });
    });
  };
  const Samples samples = alternate(options.repeats, gram, bare);
  if (world.rank() == 0) {
    const auto n = static_cast<double>(options.n);
    const double hertz = median(clock);
    const double cycles_per_second = hertz * world.size() / entries;
    print_line(
        "gram", options, shape, block, n * n * static_cast<double>(options.d), samples,
        fmt::format(",{},{},{},{},{},{},{},{:.3f},{:.2f},{:.2f}", gram_options.activation,
                    gram_options.type, gram_options.data, gram_options.weight_variance,
                    gram_options.bias_variance, to_string(evaluator->path()), gram_options.memory,
                    hertz * 1e-9, kept ? 0.0 : median(memory) * cycles_per_second,
                    paired_median(samples, std::minus<>()) * cycles_per_second));
  }
}

std::map<std::string, EvaluationPath> paths_by_name() {
  std::map<std::string, EvaluationPath> paths;
  for (const EvaluationPath path : {EvaluationPath::automatic, EvaluationPath::fused,
                                    EvaluationPath::layered, EvaluationPath::reference}) {
    paths[to_string(path)] = path;
  }
  return paths;
}

}  // namespace
}  // namespace ntkflow::bench

// NOLINTNEXTLINE(bugprone-exception-escape): MpiSession ends all ranks on an uncaught one
int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "Lower triangle of the Gram matrix against the bare products of the same tiles, as CSV. "
      "epilogue_cycles is what the Gram matrix takes beyond them, in clock cycles per entry; "
      "memory_cycles is the price of new memory alone, with --memory fresh.");
  Options options;
  GramOptions gram;
  add_options(app, options);
  app.add_option("--activation", gram.activation, "activation by name")
      ->check(CLI::IsMember(activation_names()));
  app.add_option("--type", gram.type, "kernel")->check(CLI::IsMember({"ntk", "nngp"}));
  app.add_option("--data", gram.data, "samples of equal norm, or with norms as of raw images")
      ->check(CLI::IsMember({"sphere", "raw"}));
  app.add_option(
         "--memory", gram.memory,
         "write to a matrix that was there before, as the bare products do, or to a new one")
      ->check(CLI::IsMember({"kept", "fresh"}));
  app.add_option("--path", gram.path, "how the kernel is evaluated")
      ->transform(CLI::CheckedTransformer(paths_by_name()));
  app.add_option("--weight-variance", gram.weight_variance, "weight variance");
  app.add_option("--bias-variance", gram.bias_variance, "bias variance");
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    const Architecture architecture{options.depth,
                                    {gram.activation, {}},
                                    gram.weight_variance,
                                    gram.bias_variance,
                                    FirstLayer::normalised};
    if (const std::string problem = check_architecture(architecture); !problem.empty()) {
      throw ConfigError(problem);
    }
    if (world.rank() == 0) {
      print_header(
          ",activation,type,data,weight_variance,bias_variance,path,memory,clock_ghz,memory_cycles,"
          "epilogue_cycles");
    }
    if (options.precision == "double") {
      measure<double>(world, options, gram, architecture);
    } else {
      measure<float>(world, options, gram, architecture);
    }
  });
}
