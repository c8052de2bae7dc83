// Measures leading eigenpairs of a stored kernel matrix, alone or beside the full eigensolve by
// p?syevd in the same run, and the products behind them beside a plain read of the stored triangle.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>

#include "bench_support.hpp"
#include "memory_read.hpp"

namespace ntkflow::bench {
namespace {

/// Samples about a common mean whose components have standard deviations falling as j^-0.75, as
/// those of images do.
Matrix<double> make_samples(const BlockCyclic& map, std::int64_t d) {
  const RandomStream stream(1, 0);
  Matrix<double> x(d, map.local_size());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    const auto position = static_cast<std::uint64_t>(map.to_global({j}).value);
    for (std::int64_t i = 0; i < d; ++i) {
      x(i, j) = 1.0 + 5.0 * std::pow(static_cast<double>(i + 1), -0.75) *
                          stream.normal(position, static_cast<std::uint64_t>(i));
    }
  }
  return x;
}

KernelMatrix<double> make_kernel(const Communicator& world, const Options& options, GridShape shape,
                                 std::int64_t block) {
  const Architecture architecture{options.depth, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
  const auto grid = ProcessGrid::create(world, shape);
  const BlockCyclic row_map(options.n, block, shape.rows, grid->row());
  const BlockCyclic col_map(options.n, block, shape.cols, grid->col());
  std::shared_ptr<const KernelEvaluator<double>> evaluator;
  std::shared_ptr<const KernelSamples<double>> rows;
  std::shared_ptr<const KernelSamples<double>> cols;
  collectively(world, [&] {
    evaluator = std::make_shared<const KernelEvaluator<double>>(architecture, options.d);
    rows =
        std::make_shared<const KernelSamples<double>>(*evaluator, make_samples(row_map, options.d));
    cols =
        std::make_shared<const KernelSamples<double>>(*evaluator, make_samples(col_map, options.d));
  });
  return {grid, evaluator, KernelType::ntk, row_map, rows, col_map, cols};
}

/// Products that evaluate the kernel anew.
class MatrixFree : public LinearOperator {
 public:
  explicit MatrixFree(const KernelMatrix<double>& kernel) : kernel_(&kernel) {}
  [[nodiscard]] std::int64_t size() const override { return kernel_->rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return kernel_->multiply_symmetric(x, silent_monitor());
  }

 private:
  const KernelMatrix<double>* kernel_;
};

template <class Real>
std::vector<double> whole_diagonal(const Communicator& world, const DistMatrix<Real>& k) {
  std::vector<double> diagonal(static_cast<std::size_t>(k.rows()), 0.0);
  for_each_diagonal(k, [&](std::int64_t i, Real value) {
    diagonal[static_cast<std::size_t>(i)] = static_cast<double>(value);
  });
  world.sum(diagonal);
  return diagonal;
}

/// @param stored  K, in Real; lower triangle
/// @param full    K in double for the full eigensolve, or none
template <class Real>
void measure(const Communicator& world, const Options& options, const LeadingOptions& leading,
             DistMatrix<Real> stored, const LinearOperator* exact,
             const std::optional<DistMatrix<double>>& full) {
  mirror_lower(stored);
  const StoredSymmetric<Real> a(stored, whole_diagonal(world, stored));
  const MemoryRead<Real> memory(std::as_const(stored).local());
  LeadingEigenpairs pairs;
  std::vector<double> product_ratios;
  const auto find = [&] {
    Real sum = 0;
    const double read = 0.5 * timed(world, [&] { sum = memory.run(); });
    if (!std::isfinite(sum)) {
      throw NumericalError("the matrix holds values that are not finite");
    }
    const double seconds = timed(
        world, [&] { pairs = leading_eigenpairs(world, a, exact, leading, silent_monitor()); });
    product_ratios.push_back(pairs.product_seconds / static_cast<double>(pairs.products) / read);
    return seconds;
  };
  std::vector<double> values;
  const auto solve_fully = [&] {
    if (!full) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    std::optional<DistMatrix<double>> copy;
    collectively(world, [&] { copy = full->clone(); });
    return timed(world, [&] {
      auto eigen = diagonalise(std::move(*copy));
      if (!std::holds_alternative<EigenSystem<double>>(eigen)) {
        throw NumericalError("the full eigensolve did not converge");
      }
      values = std::get<EigenSystem<double>>(eigen).values;
    });
  };
  const Samples samples = alternate(options.repeats, find, solve_fully);
  double disagreement = full ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  // Relative to lambda_max where an eigenvalue is zero to rounding.
  const double zero = full ? static_cast<double>(values.size()) *
                                 std::numeric_limits<double>::epsilon() * values.back()
                           : 0.0;
  for (std::size_t i = 0; full && i < pairs.values.size(); ++i) {
    const double value = values[values.size() - 1 - i];
    disagreement = max_or_nan(
        disagreement, std::abs(pairs.values[i] - value) / (value > zero ? value : values.back()));
  }
  if (world.rank() == 0) {
    const double worst = largest_magnitude(pairs.residual.data(), std::ssize(pairs.residual));
    print_line(
        leading.method == LeadingMethod::lanczos ? "lanczos" : "power", options,
        stored.grid()->shape(), stored.block(), 0.0, samples,
        fmt::format(",{},{:.2f},{},{:.2e},{:.2e},{:.2e},{},{},{},{:.6f},{:.4f}", leading.count,
                    median(samples.bare) / median(samples.phase), pairs.converged, worst,
                    pairs.orthogonality, disagreement, pairs.products, pairs.exact_products,
                    pairs.restarts, pairs.product_seconds, median(product_ratios)));
  }
}

}  // namespace
}  // namespace ntkflow::bench

// NOLINTNEXTLINE(bugprone-exception-escape): MpiSession ends all ranks on an uncaught one
int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "Leading eigenpairs of an NTK matrix, as CSV. With --method full the bare column is the full "
      "eigensolve and speedup how many times faster Lanczos is; disagreement is the largest "
      "relative difference of an eigenvalue (to lambda_max for one that is zero to rounding). "
      "product_per_read is the time of products per column "
      "over that of reading the stored triangle once.");
  Options options;
  LeadingOptions leading;
  leading.count = 100;
  std::string method = "lanczos";
  add_options(app, options);
  app.remove_option(app.get_option("--precision"));
  app.add_option("--precision", options.precision,
                 "double, or mixed: stored rounded and corrected with exact products")
      ->check(CLI::IsMember({"double", "mixed"}));
  app.add_option("--count", leading.count, "eigenpairs")->check(CLI::Range(1, 1'000'000));
  app.add_option("--method", method, "full: lanczos beside the full eigensolve")
      ->check(CLI::IsMember({"lanczos", "power", "full"}));
  app.add_option("--tolerance", leading.tolerance, "of residuals over the largest eigenvalue");
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    if (leading.count > options.n) {
      throw ConfigError("--count must not exceed --n");
    }
    leading.method = method == "power" ? LeadingMethod::power : LeadingMethod::lanczos;
    const GridShape shape = parse_grid(options.grid, world.size());
    const std::int64_t block = options.block.value_or(automatic_block_size(options.n, shape));
    const KernelMatrix<double> kernel = make_kernel(world, options, shape, block);
    std::optional<DistMatrix<double>> full;
    if (method == "full") {
      full = kernel.assemble_symmetric(Triangle::lower, silent_monitor());
    }
    if (world.rank() == 0) {
      print_header(
          ",count,speedup,converged,residual,orthogonality,disagreement,products,exact_products,"
          "restarts,product_seconds,product_per_read");
    }
    if (options.precision == "double") {
      measure(world, options, leading, kernel.assemble_symmetric(Triangle::lower, silent_monitor()),
              nullptr, full);
    } else {
      const MatrixFree exact(kernel);
      measure(world, options, leading, kernel.assemble_rounded(silent_monitor()), &exact, full);
    }
  });
}
