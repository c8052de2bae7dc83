// Measures the distributed Gram matrix against the matrix products of the same tiles alone, on the
// same ranks in the same run: what is left is the price of the kernel's recursion, of the diagonal
// and of the search for nearly equal samples.
#include <cmath>
#include <memory>
#include <optional>

#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/gram/tiles.hpp>

#include "bench_support.hpp"

namespace ntkflow::bench {
namespace {

/// Samples with the norm of data on the sphere, |x|^2 = d, and correlations between 0.4 and 0.6 as
/// images have them.
template <class Real>
Matrix<Real> make_samples(const BlockCyclic& map, std::int64_t d) {
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
    const auto factor = static_cast<Real>(std::sqrt(static_cast<double>(d) / norm));
    for (std::int64_t i = 0; i < d; ++i) {
      x(i, j) *= factor;
    }
  }
  return x;
}

template <class Real>
void measure(const Communicator& world, const Options& options, const Architecture& architecture,
             KernelType type) {
  const GridShape shape = parse_grid(options.grid, world.size());
  const auto grid = ProcessGrid::create(world, shape);
  const std::int64_t block = options.block.value_or(128);
  const BlockCyclic row_map(options.n, block, shape.rows, grid->row());
  const BlockCyclic col_map(options.n, block, shape.cols, grid->col());
  const auto evaluator = std::make_shared<const KernelEvaluator<Real>>(architecture, options.d);
  std::shared_ptr<const KernelSamples<Real>> rows;
  std::shared_ptr<const KernelSamples<Real>> cols;
  std::optional<DistMatrix<Real>> products;
  collectively(world, [&] {
    rows = std::make_shared<const KernelSamples<Real>>(*evaluator,
                                                       make_samples<Real>(row_map, options.d));
    cols = std::make_shared<const KernelSamples<Real>>(*evaluator,
                                                       make_samples<Real>(col_map, options.d));
    products.emplace(grid, options.n, options.n, block);
  });
  const KernelMatrix<Real> kernel(grid, evaluator, type, row_map, rows, col_map, cols);

  const auto gram = [&] {
    return timed(world,
                 [&] { (void)kernel.assemble_symmetric(Triangle::lower, silent_monitor()); });
  };
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
    print_line("gram", options, shape, block, n * n * static_cast<double>(options.d), samples);
  }
}

}  // namespace
}  // namespace ntkflow::bench

int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "Lower triangle of the Gram matrix against the bare products of the same tiles, as CSV.");
  Options options;
  std::string activation = "relu";
  std::string type = "ntk";
  add_options(app, options);
  app.add_option("--activation", activation, "activation by name")
      ->check(CLI::IsMember(activation_names()));
  app.add_option("--type", type, "kernel")->check(CLI::IsMember({"ntk", "nngp"}));
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    const Architecture architecture{
        options.depth, {activation, {}}, 2.0, 0.01, FirstLayer::normalised};
    const KernelType kernel_type = type == "ntk" ? KernelType::ntk : KernelType::nngp;
    if (world.rank() == 0) {
      print_header();
    }
    if (options.precision == "double") {
      measure<double>(world, options, architecture, kernel_type);
    } else {
      measure<float>(world, options, architecture, kernel_type);
    }
  });
}
