// Measures what reads a stored matrix or its factor once or twice: solves, products with the
// symmetric matrix, and the copy of one triangle into the other, each against a plain read of as
// many bytes of the same memory by all ranks at the same time.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>

#include "bench_support.hpp"
#include "memory_read.hpp"

namespace ntkflow::bench {
namespace {

/// The factor L = I + E / n and the matrix K = I + (E + E^T) / n, E the strictly lower triangle of
/// ones.
struct Ones {
  double n;

  /// L L^T times the vector of ones.
  [[nodiscard]] std::vector<double> factor_sums() const {
    std::vector<double> sums;
    double before = 0.0;
    for (double i = 0.0; i < n; i += 1.0) {
      const double transposed = 1.0 + (n - 1.0 - i) / n;
      sums.push_back(transposed + before / n);
      before += transposed;
    }
    return sums;
  }
  [[nodiscard]] double matrix_sum() const { return 1.0 + (n - 1.0) / n; }
};

/// Throws NumericalError unless all values are `expected` but for `rounding`.
void check(const char* phase, const Matrix<double>& values, double expected, double rounding) {
  double error = 0.0;
  for (std::int64_t i = 0; i < values.size(); ++i) {
    error = std::max(error, std::abs(values.data()[i] - expected));
  }
  if (!(error <= rounding)) {
    throw NumericalError(fmt::format("the {} is wrong by {:.1e}", phase, error));
  }
}

template <class Real>
void measure(const Communicator& world, const Options& options, GridShape shape, std::int64_t block,
             std::int64_t columns) {
  const std::int64_t n = options.n;
  const auto order = static_cast<double>(n);
  const double eps = std::numeric_limits<Real>::epsilon();
  const Ones ones{order};
  const auto grid = ProcessGrid::create(world, shape);
  std::optional<DistMatrix<Real>> a;
  Matrix<double> right_side;
  Matrix<double> x;
  collectively(world, [&] {
    a.emplace(grid, n, n, block);
    a->fill([&](std::int64_t i, std::int64_t j) {
      return i == j ? Real{1} : static_cast<Real>(i > j ? 1.0 / order : 0.0);
    });
    right_side = Matrix<double>(n, columns);
    x = Matrix<double>(n, columns);
    const std::vector<double> sums = ones.factor_sums();
    for (std::int64_t j = 0; j < columns; ++j) {
      std::copy(sums.begin(), sums.end(), right_side.column(j));
      std::fill_n(x.column(j), n, 1.0);
    }
  });

  const double triangle_bytes = 0.5 * order * order * sizeof(Real);
  const MemoryRead<Real> memory(std::as_const(*a).local());  // stays where it is when `a` is moved
  // Seconds to read `triangles` times the bytes of a triangle on all ranks.
  const auto read = [&](double triangles) {
    Real sum = 0;
    const double seconds = timed(world, [&] { sum = memory.run(); });
    if (!std::isfinite(sum)) {
      throw NumericalError("the matrix holds values that are not finite");
    }
    return seconds * triangles / 2.0;
  };
  const auto report = [&](const char* phase, double triangles, double flops, auto&& work) {
    const Samples samples = alternate(
        options.repeats, [&] { return timed(world, work); }, [&] { return read(triangles); });
    if (world.rank() == 0) {
      const double gigabytes = triangles * triangle_bytes * 1e-9;
      print_line(phase, options, shape, block, flops, samples,
                 fmt::format(",{},{:.2f},{:.2f}", columns, gigabytes / median(samples.phase),
                             gigabytes / median(samples.bare)));
    }
  };

  report("mirror", 2.0, 0.0, [&] { mirror_lower(*a); });
  const double flops = 2.0 * order * order * static_cast<double>(columns);
  const StoredSymmetric<Real> matrix(*a, std::vector<double>(static_cast<std::size_t>(n), 1.0));
  Matrix<double> result;
  report("product", 1.0, flops, [&] { result = matrix.apply(x); });
  check("product", result, ones.matrix_sum(), eps + order * std::numeric_limits<double>::epsilon());
  const CholeskyFactor<Real> factor(std::move(*a), 1.0);
  a.reset();
  report("solve", 2.0, flops, [&] { result = factor.solve(right_side); });
  check("solve", result, 1.0, 10.0 * order * eps);
}

}  // namespace
}  // namespace ntkflow::bench

// NOLINTNEXTLINE(bugprone-exception-escape): MpiSession ends all ranks on an uncaught one
int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "Solves and products with a stored matrix against a read of the same memory, as CSV.");
  Options options;
  std::vector<std::int64_t> columns{10};
  add_options(app, options);
  app.add_option("--columns", columns, "right-hand sides; several, as 1,10,20, one after another")
      ->delimiter(',')
      ->check(CLI::Range(1, 1'000'000));
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    const GridShape grid = parse_grid(options.grid, world.size());
    const std::int64_t block = options.block.value_or(automatic_block_size(options.n, grid));
    if (world.rank() == 0) {
      print_header(",columns,gbytes_per_s,bare_gbytes_per_s");
    }
    for (const std::int64_t k : columns) {
      if (options.precision == "double") {
        measure<double>(world, options, grid, block, k);
      } else {
        measure<float>(world, options, grid, block, k);
      }
    }
  });
}
