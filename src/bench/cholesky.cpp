// Measures factor_cholesky, by our own routine and by p?potrf, against local matrix products that
// all ranks run at the same time, which is the rate that the same processors give to well-shaped
// work.
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>

#include "bench_support.hpp"

namespace ntkflow::bench {
namespace {

/// A kernel of samples on a line, exp(-4 |i - j| / n), plus the identity: eigenvalues in [1, n /
/// 2].
class LineKernel {
 public:
  explicit LineKernel(std::int64_t n) : powers_(static_cast<std::size_t>(n)) {
    for (std::size_t i = 0; i < powers_.size(); ++i) {
      powers_[i] = std::exp(-4.0 * static_cast<double>(i) / static_cast<double>(n));
    }
    powers_[0] += 1.0;
  }

  double operator()(std::int64_t i, std::int64_t j) const {
    return powers_[static_cast<std::size_t>(std::abs(i - j))];
  }

  /// Sums of the rows, so that the solution for these is all ones.
  [[nodiscard]] std::vector<double> row_sums() const {
    const std::size_t n = powers_.size();
    std::vector<double> from_diagonal(n, 0.0);  // sums of powers_[1] to powers_[i]
    for (std::size_t i = 1; i < n; ++i) {
      from_diagonal[i] = from_diagonal[i - 1] + powers_[i];
    }
    std::vector<double> sums(n);
    for (std::size_t i = 0; i < n; ++i) {
      sums[i] = powers_[0] + from_diagonal[i] + from_diagonal[n - 1 - i];
    }
    return sums;
  }

 private:
  std::vector<double> powers_;
};

double factorisation_flops(std::int64_t n) {
  const auto order = static_cast<double>(n);
  return order * order * order / 3.0;
}

/// Throws NumericalError unless the factor solves K x = (row sums of K) by ones. Collective over
/// the grid.
template <class Real>
void check_factor(const CholeskyFactor<Real>& factor, const LineKernel& kernel) {
  const auto& a = factor.matrix();
  const std::vector<double> sums = kernel.row_sums();
  Matrix<double> right_side(a.rows(), 1);
  std::copy(sums.begin(), sums.end(), right_side.data());
  const Matrix<double> x = factor.solve(right_side);
  double error = 0.0;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    error = std::max(error, std::abs(x.data()[i] - 1.0));
  }
  const double bound = 10.0 * static_cast<double>(a.rows()) *
                       static_cast<double>(std::numeric_limits<Real>::epsilon());
  if (!(error <= bound)) {
    throw NumericalError(fmt::format(
        "the factorisation is wrong: it solves a system with an error of {:.1e}", error));
  }
}

/// Local products of this rank, large enough to run at full speed and small enough to fit anywhere.
template <class Real>
class LocalProducts {
 public:
  explicit LocalProducts(int count) : count_(count), a_(kOrder, kOrder), c_(kOrder, kOrder) {
    for (std::int64_t i = 0; i < a_.size(); ++i) {
      a_.data()[i] = static_cast<Real>(1 + i % 7);
    }
  }

  [[nodiscard]] double flops() const { return flops_of_one() * count_; }
  void run() {
    for (int i = 0; i < count_; ++i) {
      multiply<Real>(Transpose::no, Transpose::no, Real{1}, std::as_const(a_).view(),
                     std::as_const(a_).view(), Real{0}, c_.view());
    }
  }
  /// How many of them take `flops` operations, at least 1 and at most 20.
  static int count_for(double flops) {
    return static_cast<int>(std::clamp(flops / flops_of_one(), 1.0, 20.0));
  }

 private:
  static constexpr std::int64_t kOrder = 1500;
  static double flops_of_one() { return 2.0 * kOrder * kOrder * static_cast<double>(kOrder); }

  int count_;
  Matrix<Real> a_;
  Matrix<Real> c_;
};

/// Seconds of the routines, measured in turn; a routine that was not asked for has none.
struct Times {
  std::vector<double> lookahead;
  std::vector<double> scalapack;
  std::vector<double> products;  ///< for the operations of one factorisation
};

template <class Real>
Times measure(const Communicator& world, const Options& options, const std::string& method,
              GridShape shape, std::int64_t block) {
  const auto grid = ProcessGrid::create(world, shape);
  const double flops = factorisation_flops(options.n);
  const int ranks = world.size();
  const LineKernel kernel(options.n);
  std::optional<LocalProducts<Real>> products;
  collectively(world, [&] { products.emplace(LocalProducts<Real>::count_for(flops / ranks)); });

  const auto factor = [&](Factorization routine) {
    std::optional<DistMatrix<Real>> a;
    collectively(world, [&] {
      a.emplace(grid, options.n, options.n, block);
      a->fill([&](std::int64_t i, std::int64_t j) { return static_cast<Real>(kernel(i, j)); });
    });
    std::optional<std::variant<CholeskyFactor<Real>, NotPositiveDefinite>> outcome;
    const double seconds =
        timed(world, [&] { outcome.emplace(factor_cholesky(std::move(*a), routine)); });
    if (const auto* failed = std::get_if<NotPositiveDefinite>(&*outcome)) {
      throw NumericalError(fmt::format(
          "the factorisation stopped at order {} of a positive definite matrix", failed->order));
    }
    check_factor(std::get<CholeskyFactor<Real>>(*outcome), kernel);
    return seconds;
  };

  Times times;
  for (int repeat = -1; repeat < options.repeats; ++repeat) {  // the first warms up
    const double bare = timed(world, [&] { products->run(); });
    std::optional<double> lookahead;
    std::optional<double> scalapack;
    if (method != "scalapack") {
      lookahead = factor(Factorization::lookahead);
    }
    if (method != "lookahead") {
      scalapack = factor(Factorization::scalapack);
    }
    if (repeat >= 0) {
      times.products.push_back(bare * flops / (products->flops() * ranks));
      if (lookahead) {
        times.lookahead.push_back(*lookahead);
      }
      if (scalapack) {
        times.scalapack.push_back(*scalapack);
      }
    }
  }
  return times;
}

/// One CSV line per routine. The last column is p?potrf's time over the routine's, where both were
/// measured.
void print_times(const Options& options, GridShape shape, std::int64_t block, const Times& times) {
  const double flops = factorisation_flops(options.n);
  const auto line = [&](const std::string& phase, const std::vector<double>& seconds) {
    if (seconds.empty()) {
      return;
    }
    const std::string speedup =
        times.scalapack.empty()
            ? std::string(",")
            : fmt::format(",{:.3f}", paired_median({times.scalapack, seconds}, std::divides<>()));
    print_line(phase, options, shape, block, flops, {seconds, times.products}, speedup);
  };
  line("cholesky_lookahead", times.lookahead);
  line("cholesky_scalapack", times.scalapack);
}

/// Every grid of all ranks with a range of block sizes.
std::vector<std::pair<GridShape, std::int64_t>> sweep_layouts(int ranks) {
  std::vector<std::pair<GridShape, std::int64_t>> layouts;
  for (int rows = 1; rows <= ranks; ++rows) {
    if (ranks % rows == 0) {
      for (const std::int64_t block : {64, 128, 192, 256, 384, 512}) {
        layouts.push_back({GridShape{rows, ranks / rows}, block});
      }
    }
  }
  return layouts;
}

}  // namespace
}  // namespace ntkflow::bench

// NOLINTNEXTLINE(bugprone-exception-escape): MpiSession ends all ranks on an uncaught one
int main(int argc, char** argv) {
  using namespace ntkflow;         // NOLINT(google-build-using-namespace): the driver's only scope
  using namespace ntkflow::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app("Cholesky factorisation against local matrix products on the same ranks, as CSV.");
  Options options;
  std::string method = "both";
  bool sweep = false;
  add_options(app, options);
  app.add_option("--method", method, "routine to measure, in turn when both")
      ->check(CLI::IsMember({"lookahead", "scalapack", "both"}));
  app.add_flag("--sweep", sweep, "every grid of the ranks with blocks of 64 to 512");
  return run_driver(argc, argv, app, options, [&](const Communicator& world) {
    std::vector<std::pair<GridShape, std::int64_t>> layouts;
    if (sweep) {
      layouts = sweep_layouts(world.size());
    } else {
      const GridShape grid = parse_grid(options.grid, world.size());
      layouts.emplace_back(grid, options.block.value_or(automatic_block_size(options.n, grid)));
    }
    if (world.rank() == 0) {
      print_header(",speedup");
    }
    for (const auto& [grid, block] : layouts) {
      const Times times = options.precision == "double"
                              ? measure<double>(world, options, method, grid, block)
                              : measure<float>(world, options, method, grid, block);
      if (world.rank() == 0) {
        print_times(options, grid, block, times);
      }
    }
  });
}
