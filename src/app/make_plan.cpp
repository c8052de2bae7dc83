#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dynamics/krylov_flow.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>
#include <ntkflow/regression/krylov_ridge_path.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "plan.hpp"
#include "plan_constants.hpp"
#include "time_model.hpp"

namespace ntkflow::app {
namespace {

constexpr std::int64_t kDouble = 8;
constexpr std::int64_t kLargestInt = std::numeric_limits<int>::max();

/// The largest part that any rank holds of `size` indices dealt to `processes`.
std::int64_t largest_local(std::int64_t size, std::int64_t block, int processes) {
  return BlockCyclic(size, block, processes, 0).local_size();
}

/// Local elements of an [rows x cols] matrix on the rank that holds most.
std::int64_t local_elements(const Plan& plan, std::int64_t rows, std::int64_t cols) {
  return largest_local(rows, plan.block, plan.grid.rows) *
         largest_local(cols, plan.block, plan.grid.cols);
}

/// Bytes in 64 bits; more than any machine has stays more than any machine has.
std::int64_t bounded_bytes(double bytes) {
  return static_cast<std::int64_t>(std::min(bytes, 0x1p60));
}

/// Whether preprocessing gives all samples one norm.
bool has_equal_norms(const RunConfig& config) {
  const auto& steps = config.data.preprocess;
  return !steps.empty() &&
         (steps.back() == PreprocessStep::sphere || steps.back() == PreprocessStep::unit_norm ||
          steps.back() == PreprocessStep::standardize_samples);
}

/// Values that the kernel keeps of each sample beside its inputs: its norm and its inverse, three
/// of each layer and, where norms differ and duals are numerical, the coefficients of series. How
/// many these are is known when the norms are; images need some 50 to 150 per layer.
std::int64_t kernel_values(const RunConfig& config) {
  constexpr std::int64_t kSeriesTerms = 128;
  const Architecture& architecture = config.kernel.architecture;
  const bool has_series = has_numerical_duals(architecture.activation) && !has_equal_norms(config);
  // Deeper networks than this fit no memory in any case; the bound keeps sizes in 64 bits.
  const std::int64_t depth = std::min(architecture.depth, 1 << 20);
  return 2 + 3 * depth + (has_series ? (depth - 1) * kSeriesTerms : 0);
}

double entry_flop(const RunConfig& config) {
  const bool is_fused =
      has_equal_norms(config) && (config.kernel.evaluation == EvaluationPath::automatic ||
                                  config.kernel.evaluation == EvaluationPath::fused);
  return is_fused ? kFusedFlop : kLayerFlop * (config.kernel.architecture.depth - 1);
}

RealKind stored_real(Precision precision) {
  return precision == Precision::double_precision ? RealKind::double_precision
                                                  : RealKind::single_precision;
}

/// Puts a plan together stage by stage; each member adds the memory and the work of one.
class Planner {
 public:
  Planner(const RunConfig& config, const DataShape& shape, int ranks, const Calibration& rates)
      : config_(config),
        rates_(rates),
        n_(shape.train_size),
        m_(shape.test_size),
        d_(shape.dimension),
        c_(shape.outputs),
        entry_flop_(entry_flop(config)) {
    plan_.shape = shape;
    plan_.ranks = ranks;
    plan_.grid = config.parallel.grid.value_or(automatic_grid(ranks));
    const std::int64_t needed = static_cast<std::int64_t>(plan_.grid.rows) * plan_.grid.cols;
    if (needed != ranks) {
      throw ConfigError(
          fmt::format("parallel.grid = [{}, {}] needs {} ranks, and there are {}; set it to "
                      "\"auto\" or start as many ranks",
                      plan_.grid.rows, plan_.grid.cols, needed, ranks));
    }
    constexpr std::int64_t kMostSamples = std::int64_t{1}
                                          << 28;  // keeps all sizes below in 64 bits
    if (n_ > kMostSamples || m_ > kMostSamples) {
      throw ResourceError(fmt::format(
          "{} training and {} test samples: a kernel matrix of more than {} rows fits no machine; "
          "reduce data.train_size or data.test_size",
          n_, m_, kMostSamples));
    }
    // A block larger than the matrix is the matrix; without the bound the libraries would size
    // workspaces by it.
    plan_.block = std::clamp<std::int64_t>(config.parallel.block_size.value_or(chosen_block()), 1,
                                           std::max<std::int64_t>(1, n_));
    rows_ = largest_local(n_, plan_.block, plan_.grid.rows);
    cols_ = largest_local(n_, plan_.block, plan_.grid.cols);
    slices_ = (rows_ + cols_ + largest_local(m_, plan_.block, plan_.grid.cols)) * sample_bytes();
    time_.emplace(model(n_));
  }

  Plan finished() {
    plan_.file_bytes = bounded_bytes(file_bytes_) + (1 << 20);
    work("write", 0.0, file_bytes_, TimeModel::write_file(file_bytes_));
    return std::move(plan_);
  }

  void data() {
    stage("read data", {{"share of all samples", ((n_ + m_) / plan_.ranks + 1) * d_ * kDouble},
                        {"samples of rows and columns", slices_}});
    const auto read = static_cast<double>((n_ + m_) * d_ * kDouble);
    work("read data", 0.0, read, TimeModel::read_files(read));
    const auto loaded = static_cast<double>(slices_);
    work("load samples", 0.0, loaded * plan_.ranks, TimeModel::read_again(loaded));
    file_bytes_ += static_cast<double>((n_ + m_) * (c_ + 2) * kDouble);
  }

  void kernel_output() {
    // The test samples' part follows when the training kernel is gone, a buffer's worth at a time.
    const std::int64_t test_part = m_ > 0 ? kGatherBytes : 0;
    with_samples("kernel output", {{"kernel matrix", std::max(rows_ * cols_ * kDouble, test_part)},
                                   {"transfer buffers", kGatherBytes}});
    const double bytes = (square() + pairs()) * kDouble;
    work("kernel output", 2.0 * one_triangle() + cross_products(1), bytes,
         values(square() + pairs()) + time_->fresh_memory(bytes) + TimeModel::write_file(bytes));
    file_bytes_ += bytes;
    limit("MPI: values sent in one round of columns", kGatherBytes / kDouble);
  }

  void kernel_by_depth(int depth) {
    const auto matrices = static_cast<double>(depth);
    const double bytes = matrices * square() * kDouble;
    with_samples("kernel by depth",
                 {{"kernel matrix of each depth",
                   bounded_bytes(matrices * static_cast<double>(rows_ * cols_ * kDouble))},
                  {"transfer buffers", kGatherBytes}});
    work("kernel by depth", 2.0 * matrices * one_triangle(), bytes,
         values(square()) + time_->fresh_memory(bytes) + TimeModel::write_file(bytes));
    file_bytes_ += bytes;
  }

  /// @param columns  draws times outputs
  void draw(const char* name, std::int64_t columns) {
    const std::int64_t points = n_ + m_;
    const std::int64_t matrix = local_elements(plan_, points, points);
    with_samples(name, {{"NNGP matrix", matrix * kDouble},
                        {"samples of the joint matrix", 2 * slices_},
                        {"panels of the factorisation",
                         lookahead_workspace_bytes(points, plan_.block, plan_.grid, kDouble)},
                        {"draws", 4 * points * columns * kDouble}});
    const auto order = static_cast<double>(points);
    const double bytes = order * order * kDouble;
    const TimeModel time = model(points);
    work(name, order * order * (static_cast<double>(d_ + columns) + order / 3.0), bytes,
         time.kernel_values(0.5 * order * order, static_cast<double>(d_), entry_flop_,
                            RealKind::double_precision) +
             time.fresh_memory(bytes) + time.lookahead_cholesky(order, RealKind::double_precision));
    limit("ScaLAPACK: local elements of the NNGP matrix", matrix);
    limit("ScaLAPACK: local elements of the draws", local_elements(plan_, points, columns));
  }

  /// K stored whole for products, where no regression does.
  void stored_kernel() {
    work("gram", one_triangle(), square() * kDouble,
         values(0.5 * square()) + time_->fresh_memory(square() * kDouble));
    work("mirror", 0.0, square() * kDouble,
         time_->mirror(static_cast<double>(n_), RealKind::double_precision));
  }

  void regression(const RegressionOptions& options) {
    const RealKind real = stored_real(options.precision);
    const auto real_bytes = static_cast<std::int64_t>(real);
    const bool is_single = options.precision == Precision::single_precision;
    const bool is_lookahead = options.factorization != Factorization::scalapack;
    const std::int64_t panels =
        is_lookahead ? lookahead_workspace_bytes(n_, plan_.block, plan_.grid, real_bytes)
                     : shared((rows_ + cols_) * plan_.block * real_bytes);
    with_samples("regression", {{"kernel matrix and its factor", rows_ * cols_ * real_bytes},
                                {"panels of the factorisation", panels},
                                {"samples in single precision", is_single ? slices_ / 2 : 0},
                                {"coefficients, residuals, f0", (8 * n_ + 3 * m_) * c_ * kDouble}});
    const auto n = static_cast<double>(n_);
    const auto columns = static_cast<double>(c_);
    const double steps = options.precision == Precision::mixed ? kRefinementSteps : 0.0;
    const double matrix = square() * static_cast<double>(real_bytes);
    work("gram", one_triangle(), 0.5 * matrix,
         time_->kernel_values(0.5 * square(), static_cast<double>(d_), entry_flop_,
                              is_single ? real : RealKind::double_precision) +
             time_->fresh_memory(matrix));
    if (keeps_kernel(config_)) {
      work("mirror", 0.0, matrix, time_->mirror(n, real));
    }
    work("factor", n * square() / 3.0, 0.5 * matrix,
         is_lookahead ? time_->lookahead_cholesky(n, real) : time_->scalapack_cholesky(n, real));
    work("condition", kConditionSolves * 2.0 * square(), 0.0,
         kConditionSolves * time_->solve(n, 1.0, real));
    work("solve", (1.0 + steps) * 2.0 * square() * columns, 0.0,
         (1.0 + steps) * time_->solve(n, columns, real), 1.0 + steps);
    work("residual", (1.0 + steps) * (one_triangle() + 2.0 * square() * columns), 0.0,
         (1.0 + steps) * exact_product(columns), 1.0 + steps);
    if (m_ > 0) {
      work("test predictions", cross_products(1) + 2.0 * pairs() * columns, 0.0,
           values(pairs()) + time_->thin_products(pairs(), columns, RealKind::double_precision));
    }
    limit("ScaLAPACK: local elements of the matrix", rows_ * cols_);
    limit("MPI: values of a panel", std::max(rows_, cols_) * plan_.block);
    file_bytes_ += static_cast<double>((n_ + m_) * c_ * kDouble);
  }

  /// @param beside  bytes of other arrays
  void eigensystem(const char* gram_phase, const char* phase, std::int64_t beside) {
    const std::int64_t matrix = rows_ * cols_;
    const std::int64_t workspace = eigen_workspace(n_, plan_.block, plan_.grid);
    // Alone, a rank leaves untouched what it would use to exchange eigenvectors.
    const std::int64_t idle = plan_.ranks == 1 ? matrix : 0;
    with_samples(phase,
                 {{"kernel matrix", matrix * kDouble},
                  {"eigenvectors", matrix * kDouble},
                  {"workspace of p?syevd", (workspace - idle) * kDouble},
                  {"panels of the reduction", shared(2 * (rows_ + cols_) * plan_.block * kDouble)},
                  {"residuals, f0", (3 * n_ + m_) * c_ * kDouble + beside}});
    work(gram_phase, one_triangle(), square() * kDouble / 2.0,
         values(0.5 * square()) + time_->fresh_memory(square() * kDouble));
    work(phase, 9.0 * square() * static_cast<double>(n_), square() * kDouble,
         time_->eigensystem(static_cast<double>(n_)));
    limit("p?syevd: values of workspace", workspace, kLargestInt - kWorkspaceReserve);
  }

  /// Several ridges, from eigenvectors that stand, or from a Krylov space.
  void ridge_path(const RidgePathOptions& options) {
    const auto ridges = static_cast<std::int64_t>(options.ridges.size());
    const Batches batches = batches_of_columns(ridges, plan_.ridges_per_batch);
    const bool is_spectral_path = options.method == RidgePathMethod::spectral;
    const std::int64_t matrix = rows_ * cols_ * kDouble;
    double expansion = 0.0;
    if (is_spectral_path) {
      // Coefficients are made twice: for the scores and for the test set.
      expansion = 2.0 * square() * (2.0 * batches.all_columns + static_cast<double>(ridges));
      with_samples("ridge path",
                   {{"eigenvectors", matrix},
                    {"diagonals of the inverses", rows_ * ridges * kDouble},
                    {"a batch of ridges on the training set", 6 * n_ * batches.columns * kDouble},
                    {"a batch of ridges on the test set", 4 * m_ * batches.columns * kDouble}});
      kept_eigenvectors_ = keeps_eigensystem(config_) ? matrix : 0;
    } else {
      expansion = path_space(batches);
    }
    work("ridge path", expansion + on_test_flop(batches), 0.0,
         time_->large_products(expansion) + on_test_seconds(batches));
  }

  /// Eigenvectors that were kept for later stages have reached them.
  void use_kept_eigenvectors() { kept_eigenvectors_ = 0; }

  void full_spectrum(const SpectrumOptions& options) {
    const std::int64_t count = std::min(n_, options.count.value_or(n_));
    const double curves = mode_curves_bytes(options, count);
    const double stored = curves + (options.vectors ? stored_vectors(count) : 0.0);
    const StageMemory::Item eigenvectors{"eigenvectors", rows_ * cols_ * kDouble};
    with_samples("spectrum", {eigenvectors,
                              {"probes", 6 * n_ * kProbes * kDouble},
                              {"learning curves of modes", bounded_bytes(2.0 * curves)},
                              {"targets along the modes", 8 * n_ * (c_ + 1) * kDouble},
                              {"transfer buffers", options.vectors ? kGatherBytes : 0}});
    const double thin = 8.0 * square() * static_cast<double>(kProbes + c_ + 1);
    work("spectrum", one_triangle() + thin, stored,
         exact_product(static_cast<double>(kProbes)) + time_->large_products(thin) +
             TimeModel::write_file(stored));
    file_bytes_ += stored;
    if (options.projections > 0) {
      const double flop = options.centre
                              ? 4.0 * square() * lanczos_columns(options.projections)
                              : 2.0 * square() * static_cast<double>(options.projections);
      kernel_pca(options, eigenvectors, flop, time_->large_products(flop));
    }
  }

  /// Leading eigenpairs from products with the stored K, and what follows from them. @param solved
  /// the options of the regression that keeps its matrix and factor, or null.
  void leading_spectrum(const SpectrumOptions& options, const RegressionOptions* solved) {
    const RealKind real =
        solved != nullptr ? stored_real(solved->precision) : RealKind::double_precision;
    const bool is_rounded = real == RealKind::single_precision;
    const bool is_power = options.method == SpectrumMethod::power;
    const std::int64_t count = std::min(n_, options.count.value_or(n_));
    const std::int64_t basis = is_power ? count : lanczos_basis_size(n_, count);
    const std::int64_t local_vector = (n_ / plan_.ranks + 1) * kDouble;
    const auto n = static_cast<double>(n_);
    const auto pairs = static_cast<double>(count);
    const StageMemory::Item matrix{
        solved != nullptr ? "kernel matrix and its factor" : "kernel matrix",
        rows_ * cols_ * static_cast<std::int64_t>(real)};
    with_samples("spectrum pairs",
                 {matrix,
                  {"basis of the iteration", local_vector * basis},
                  {"projected problem", is_power ? 0 : projected_bytes(basis)},
                  {"eigenvectors", 3 * local_vector * count},
                  {"blocks of vectors", 6 * n_ * kLanczosBlock * kDouble},
                  {"blocks of exact products",
                   is_rounded ? 3 * n_ * std::min(count, kExactColumns) * kDouble : 0}});
    if (!is_power) {
      projected_limit(basis);
    }

    const double columns = is_power ? kPowerSteps * pairs : lanczos_columns(count);
    // All pairs are multiplied once more for their residuals, rounded ones also to correct them.
    const double last = is_rounded ? kExactProducts : 1.0;
    work(
        "spectrum products",
        2.0 * square() * (columns + last * pairs) + (is_rounded ? last * one_triangle() : 0.0), 0.0,
        (is_power ? columns * time_->stored_product(n, 1.0, real) : block_products(columns, real)) +
            (is_rounded ? last * exact_product(pairs) : block_products(pairs, real)),
        columns + last * pairs);
    const double orthogonal = 8.0 * n * static_cast<double>(basis) * columns;
    work("spectrum basis", orthogonal, 0.0,
         time_->large_products(orthogonal) +
             (is_power ? 0.0
                       : time_->small_eigenproblems(kEigenproblemFlop * kLanczosFillings *
                                                    std::pow(static_cast<double>(basis), 3))));
    if (solved != nullptr) {
      const double steps = is_rounded ? kRefinementSteps : 0.0;
      const double checks = steps > 0.0 ? 1.0 + steps : 0.0;
      work("smallest eigenvalue", kInverseColumns * (1.0 + steps + checks) * 2.0 * square(), 0.0,
           kInverseColumns / kInverseBlock *
               ((1.0 + steps) * time_->solve(n, kInverseBlock, real) +
                checks * time_->stored_product(n, kInverseBlock, real)),
           kInverseColumns);
    }

    const double curves = mode_curves_bytes(options, count);
    const double stored = curves + (options.vectors ? stored_vectors(count) : 0.0);
    const double modes = 4.0 * n * pairs * static_cast<double>(c_);
    const auto targets = static_cast<double>(c_ + 1);
    with_samples("spectrum", {matrix,
                              {"eigenvectors", local_vector * count},
                              {"learning curves of modes", bounded_bytes(2.0 * curves)},
                              {"targets along the modes", 4 * n_ * (c_ + 1) * kDouble}});
    work("spectrum", modes + 2.0 * square() * targets + (is_rounded ? one_triangle() : 0.0), stored,
         time_->large_products(modes) +
             (is_rounded ? exact_product(targets) : time_->stored_product(n, targets, real)) +
             TimeModel::write_file(stored));
    file_bytes_ += stored;
    if (options.projections > 0) {
      const double more = options.centre ? lanczos_columns(options.projections) : 0.0;
      kernel_pca(options, matrix, 2.0 * square() * more, block_products(more, real));
    }
  }

  /// @param matrix  what products are made with, for the eigenpairs of centred features
  void kernel_pca(const SpectrumOptions& options, StageMemory::Item matrix, double pairs_flop,
                  double pairs_seconds) {
    const std::int64_t count = options.projections;
    const std::int64_t basis = options.centre ? lanczos_basis_size(n_, std::min(n_, count)) : 0;
    with_samples("kernel pca",
                 {std::move(matrix),
                  {"basis of the iteration", (n_ / plan_.ranks + 1) * basis * kDouble},
                  {"projected problem", projected_bytes(basis)},
                  {"components and projections", 3 * (n_ + m_) * count * kDouble}});
    if (options.centre) {
      projected_limit(basis);
    }
    const auto columns = static_cast<double>(count);
    const double bytes = static_cast<double>(n_ + m_) * columns * kDouble;
    work("kernel pca", pairs_flop + cross_products(1) + 2.0 * pairs() * columns, bytes,
         pairs_seconds + values(pairs()) +
             time_->thin_products(pairs(), columns, RealKind::double_precision) +
             TimeModel::write_file(bytes));
    file_bytes_ += bytes;
  }

  /// The trajectory from eigenvectors.
  void spectral_flow(const DynamicsOptions& options) {
    const Batches batches = batches_of(options);
    with_samples("dynamics",
                 {{"eigenvectors", rows_ * cols_ * kDouble},
                  {"a batch of times on the training set", 7 * n_ * batches.columns * kDouble},
                  {"a batch of times on the test set", 4 * m_ * batches.columns * kDouble}});
    const double products = 6.0 * square() * batches.all_columns;
    const double checks = batches.count * one_triangle() + 2.0 * square() * batches.all_columns;
    work("dynamics", products + checks + on_test_flop(batches), 0.0,
         time_->large_products(products) + batches.count * exact_product(batches.mean_columns()) +
             on_test_seconds(batches));
  }

  /// The Krylov space and the trajectory from it. @param solved  the options of the regression that
  /// keeps its matrix and factor, or null.
  void krylov_flow(const DynamicsOptions& options, const RegressionOptions* solved) {
    const RealKind real =
        solved != nullptr ? stored_real(solved->precision) : RealKind::double_precision;
    const auto real_bytes = static_cast<std::int64_t>(real);
    const bool is_mixed = solved != nullptr && real == RealKind::single_precision;
    const bool is_regenerated = options.products == FlowProducts::regenerated;
    const bool stores = solved != nullptr || keeps_kernel(config_);
    // A random vector accompanies the outputs.
    const double columns = static_cast<double>(c_) + 1.0;
    const double width = solved != nullptr ? 2.0 * columns : columns;
    const double applications = solved == nullptr ? kApplicationsWithoutInverse : kApplications;
    const double dimension = std::min(static_cast<double>(n_), applications * width);
    const auto basis = static_cast<std::int64_t>(dimension);
    const std::int64_t most = krylov_most_columns(n_, c_, solved != nullptr);
    const std::int64_t local_basis = 2 * (n_ / plan_.ranks + plan_.block) * basis * kDouble;
    // Replicated: the projected matrix, its eigenvectors before and now, the eigensolver's own.
    const std::int64_t projected = 6 * basis * basis * kDouble;
    const std::int64_t matrix = stores ? rows_ * cols_ * real_bytes : 0;
    const char* matrix_name = solved != nullptr ? "kernel matrix and its factor" : "kernel matrix";
    const auto n = static_cast<double>(n_);

    with_samples("krylov", {{matrix_name, matrix},
                            {"basis and its products", local_basis},
                            {"projected problem", projected},
                            {"blocks of vectors", 16 * n_ * (c_ + 1) * kDouble}});
    const double product =
        is_regenerated ? exact_product(width) : time_->stored_product(n, width, real);
    const double product_flop = (is_regenerated ? one_triangle() : 0.0) + 2.0 * square() * width;
    double solve = 0.0;
    double solve_flop = 0.0;
    if (solved != nullptr) {
      const double steps = is_mixed && is_regenerated ? kRefinementSteps : 0.0;
      const double checks = steps > 0.0 ? 1.0 + steps : 0.0;
      solve = (1.0 + steps) * time_->solve(n, columns, real) + checks * exact_product(columns);
      solve_flop = (1.0 + steps + checks) * 2.0 * square() * columns + checks * one_triangle();
    }
    // Every new vector is made orthogonal to all others twice.
    const double orthogonal = 4.0 * n * dimension * dimension;
    work("krylov products", applications * product_flop, 0.0, applications * product, applications);
    if (solved != nullptr) {
      work("krylov solves", applications * solve_flop, 0.0, applications * solve, applications);
    }
    work("krylov basis", orthogonal, 0.0, time_->large_products(orthogonal));
    const Batches batches = batches_of(options);
    with_samples("dynamics",  // the matrix is gone by then, unless [spectrum] waits for it
                 {{matrix_name, has_leading_spectrum(config_) ? matrix : 0},
                  {"basis and its products", local_basis},
                  {"projected problem", projected},
                  {"a batch of times on the training set", 5 * n_ * batches.columns * kDouble},
                  {"a batch of times on the test set", 4 * m_ * batches.columns * kDouble}});
    const double checked =
        is_mixed && !is_regenerated
            ? static_cast<double>(std::min<std::int64_t>(kCheckedColumns, options.times.size()))
            : 0.0;
    // The eigensolver's tridiagonalisation and back transformation, once for every block, on every
    // rank.
    const double eigenproblems = kEigenproblemFlop * applications * std::pow(dimension, 3) / 4.0;
    limit("xSYEVD: values of workspace", 1 + 6 * most + 2 * most * most);
    work(
        "krylov estimate", checked > 0.0 ? one_triangle() + 2.0 * square() * checked : 0.0, 0.0,
        time_->small_eigenproblems(eigenproblems) + (checked > 0.0 ? exact_product(checked) : 0.0));
    const double expansion = 4.0 * n * dimension * batches.all_columns;
    work("dynamics", expansion + on_test_flop(batches), 0.0,
         time_->large_products(expansion) +
             batches.count * time_->all_sum(n * batches.mean_columns() * kDouble) +
             on_test_seconds(batches));
  }

  void trajectory(const DynamicsOptions& options, bool store) {
    if (store) {
      file_bytes_ +=
          static_cast<double>(options.times.size()) * static_cast<double>(m_ * c_ * kDouble);
    }
  }

  /// The Gaussian law of f_t.
  void posterior(const PosteriorOptions& options) {
    const bool is_spectral = has_spectral_posterior(config_);
    const bool all_layers = options.training == TrainedLayers::all;
    const std::int64_t columns = c_ * (1 + options.samples);
    const std::int64_t paths = c_ * options.samples;
    const auto times = static_cast<std::int64_t>(options.times.size());
    const auto n = static_cast<double>(n_);
    const auto m = static_cast<double>(m_);
    const std::int64_t matrix = rows_ * cols_ * kDouble;
    if (options.samples > 0) {
      draw("posterior draw", paths);
    }
    const std::int64_t starts = (n_ + m_) * paths * kDouble;

    const double kernels = all_layers ? 2.0 : 1.0;
    if (!is_spectral) {
      work("posterior gram", one_triangle(), square() * kDouble / 2.0,
           values(0.5 * square()) + time_->fresh_memory(square() * kDouble));
      with_samples("posterior factor",
                   {{"kernel matrix and its factor", matrix},
                    {"panels of the factorisation",
                     lookahead_workspace_bytes(n_, plan_.block, plan_.grid, kDouble)},
                    {"starts of the paths", starts}});
      work("posterior factor", n * square() / 3.0, 0.0,
           time_->lookahead_cholesky(n, RealKind::double_precision));
    } else if (!posterior_shares_eigensystem(config_)) {
      eigensystem("posterior gram", "posterior eigen", starts);
    }
    if (!config_.regression) {
      limit("ScaLAPACK: local elements of the matrix", rows_ * cols_);
    }
    const double basis = is_spectral && all_layers ? 4.0 * n * square() : 0.0;
    with_samples("posterior basis", {{is_spectral ? "eigenvectors" : "factor", matrix},
                                     {"NNGP matrix", all_layers ? matrix : 0},
                                     {"half of its change of basis", basis > 0.0 ? matrix : 0},
                                     {"starts of the paths", starts + 2 * n_ * columns * kDouble}});
    work("posterior basis", (all_layers ? one_triangle() : 0.0) + basis,
         all_layers ? square() * kDouble : 0.0,
         (all_layers ? values(0.5 * square()) + time_->fresh_memory(square() * kDouble) +
                           time_->mirror(n, RealKind::double_precision)
                     : 0.0) +
             time_->large_products(basis) +
             (is_spectral ? 0.0
                          : kConditionSolves * time_->solve(n, 1.0, RealKind::double_precision)));

    plan_.points_per_block = points_per_block(options);
    const std::int64_t points = plan_.points_per_block;
    const std::int64_t block_elements = local_elements(plan_, n_, points);
    const std::int64_t square_elements = options.covariance ? local_elements(plan_, m_, m_) : 0;
    const auto levels = static_cast<std::int64_t>(options.quantiles.size());
    with_samples("posterior",
                 {{is_spectral ? "eigenvectors" : "factor", matrix},
                  {"NNGP matrix", all_layers ? matrix : 0},
                  {"blocks of test points", 4 * block_elements * kDouble},
                  {"panels of products", shared(2 * rows_ * plan_.block * kDouble)},
                  {"covariance of the test points", square_elements * kDouble},
                  {"test samples of rows", options.covariance
                                               ? (largest_local(m_, plan_.block, plan_.grid.rows) +
                                                  largest_local(m_, plan_.block, plan_.grid.cols)) *
                                                     sample_bytes()
                                               : 0},
                  {"transfer buffers", options.covariance ? kGatherBytes : 0},
                  {"starts of the paths", starts + n_ * columns * kDouble},
                  {"law of a block", points * (4 * (columns + 1) + c_ * levels) * kDouble}});
    const double turns = is_spectral ? 2.0 * square() * m * kernels : 2.0 * square() * m;
    const double at_times =
        static_cast<double>(times) *
        ((all_layers ? 2.0 * square() * m : 0.0) + 2.0 * n * m * static_cast<double>(columns) +
         (options.covariance ? 4.0 * n * m * m : 0.0));
    const double covariance_values = options.covariance ? static_cast<double>(times) * m * m : 0.0;
    const double covariances = covariance_values * kDouble;
    const double covariance_seconds =
        options.covariance
            ? static_cast<double>(times) * (time_->fresh_memory(m * m * kDouble) +
                                            model(m_).mirror(m, RealKind::double_precision))
            : 0.0;
    const double rows = static_cast<double>(times) * m *
                        (static_cast<double>(columns + c_ * levels) + 1.0) * kDouble;
    work("posterior",
         cross_products(kernels) + turns + at_times + covariance_values * static_cast<double>(d_),
         covariances + rows,
         values(kernels * pairs() + 0.5 * covariance_values) + covariance_seconds +
             time_->large_products(turns + at_times) + TimeModel::write_file(covariances + rows));
    limit("ScaLAPACK: local elements of a block of test points", block_elements);
    limit("ScaLAPACK: local elements of targets and paths",
          local_elements(plan_, std::max(n_, points), columns));
    if (options.covariance) {
      limit("ScaLAPACK: local elements of the covariance", square_elements);
    }
    file_bytes_ += covariances + rows;
  }

  void random_functions(const RandomFunctionsOptions& options) {
    const std::int64_t points = n_ + m_;
    const std::int64_t most = options.counts.back();
    const bool is_process = options.source == FunctionSource::gaussian_process;
    const std::int64_t covariance = is_process ? local_elements(plan_, points, points) : 0;
    const auto order = static_cast<double>(points);
    const TimeModel time = model(points);
    with_samples(
        "functions",
        {{"covariance of all points", covariance * kDouble},
         {"samples of all points", 2 * slices_},
         {"panels of the factorisation",
          is_process ? lookahead_workspace_bytes(points, plan_.block, plan_.grid, kDouble) : 0}});
    work("functions", is_process ? order * order * (static_cast<double>(d_) + order / 3.0) : 0.0,
         is_process ? order * order * kDouble : 0.0,
         is_process ? time.kernel_values(0.5 * order * order, static_cast<double>(d_), entry_flop_,
                                         RealKind::double_precision) +
                          time.fresh_memory(order * order * kDouble) +
                          time.lookahead_cholesky(order, RealKind::double_precision)
                    : 0.0);

    const std::int64_t smaller = std::min(n_, most);
    const std::int64_t gram = local_elements(plan_, smaller, smaller);
    // One network at a time, which takes the points of a rank a block after the other: parameters
    // and the one hidden layer. Of what it has for a second one, the outputs touch next to nothing.
    const std::int64_t local_points = largest_local(points, plan_.block, plan_.grid.rows);
    const std::int64_t evaluated = std::min(local_points, Network<double>::kSamplesAtOnce);
    const auto unit_values = static_cast<double>(d_ + 2 + evaluated);
    const double network =
        is_process ? 0.0 : static_cast<double>(options.width) * unit_values * kDouble;
    // Without a ridge, or where a factorisation fails.
    const std::int64_t workspace = eigen_workspace(smaller, plan_.block, plan_.grid);
    with_samples("random functions",
                 {{"covariance of all points", covariance * kDouble},
                  {"inputs of networks", is_process ? 0 : local_points * d_ * kDouble},
                  {"a network and its hidden layer", bounded_bytes(network)},
                  {"functions at all points", local_elements(plan_, points, most) * kDouble},
                  {"functions at the training points", local_elements(plan_, n_, most) * kDouble},
                  {"normal equations and their eigenvectors", 2 * gram * kDouble},
                  {"workspace of p?syevd", workspace * kDouble},
                  {"weights and predictions", 6 * (points + most) * c_ * kDouble}});
    double flop = 0.0;
    double seconds = 0.0;
    const auto draws = static_cast<double>(options.draws);
    const double drawing =
        (is_process ? order * order : 2.0 * order * static_cast<double>(d_ * options.width)) *
        static_cast<double>(most);
    for (const std::int64_t count : options.counts) {
      const auto n = static_cast<double>(std::min(n_, count));
      const double products = 2.0 * static_cast<double>(n_) * static_cast<double>(count) * n;
      flop += draws * (products + n * n * n / 3.0);
      seconds += draws * (time_->large_products(products) +
                          time_->lookahead_cholesky(n, RealKind::double_precision));
    }
    work("random functions", draws * drawing + flop, 0.0,
         time_->large_products(draws * drawing) + seconds);
    limit("ScaLAPACK: local elements of functions", local_elements(plan_, points, most));
    limit("p?syevd: values of workspace", workspace, kLargestInt - kWorkspaceReserve);
  }

  void model_output() {
    with_samples("model",
                 {{"share of the training samples", (n_ / plan_.ranks + 1) * d_ * kDouble}});
    const auto bytes = static_cast<double>(n_ * d_ * kDouble);
    work("model", 0.0, bytes, TimeModel::read_files(bytes) + TimeModel::write_file(bytes));
    file_bytes_ += bytes;
  }

 private:
  /// The Krylov space of a ridge path. Returns flop of what is made from it.
  template <class PathBatches>
  double path_space(const PathBatches& batches) {
    const std::int64_t width = c_ + kTraceProbes;
    const auto columns = static_cast<double>(width);
    const auto n = static_cast<double>(n_);
    const std::int64_t most = ridge_path_most_columns(n_, c_);
    const double dimension = std::min(static_cast<double>(most), kApplicationsOfPath * columns);
    const auto basis = static_cast<std::int64_t>(dimension);
    const std::int64_t local_basis = 2 * (n_ / plan_.ranks + plan_.block) * basis * kDouble;
    const std::int64_t projected = 6 * basis * basis * kDouble;
    work("path gram", one_triangle(), square() * kDouble,
         values(0.5 * square()) + time_->fresh_memory(square() * kDouble));
    work("path mirror", 0.0, square() * kDouble, time_->mirror(n, RealKind::double_precision));
    with_samples("path krylov", {{"kernel matrix", rows_ * cols_ * kDouble},
                                 {"basis and its products", local_basis},
                                 {"projected problem", projected},
                                 {"blocks of vectors", 8 * n_ * width * kDouble}});
    work("path products", kApplicationsOfPath * 2.0 * square() * columns, 0.0,
         kApplicationsOfPath * time_->stored_product(n, columns, RealKind::double_precision),
         kApplicationsOfPath);
    const double orthogonal = 4.0 * n * dimension * dimension;
    work("path basis", orthogonal, 0.0, time_->large_products(orthogonal));
    // Looked at whenever it has grown by a part, so that all eigenproblems cost three times the
    // last.
    work("path estimate", 0.0, 0.0,
         time_->small_eigenproblems(3.0 * kEigenproblemFlop * std::pow(dimension, 3)));
    limit("xSYEVD: values of workspace", 1 + 6 * most + 2 * most * most);
    with_samples("ridge path",  // the matrix is gone by then
                 {{"basis and its products", local_basis},
                  {"projected problem", projected},
                  {"a batch of ridges on the training set", 5 * n_ * batches.columns * kDouble},
                  {"a batch of ridges on the test set", 4 * m_ * batches.columns * kDouble}});
    return 2.0 * n * dimension * batches.all_columns;
  }

  /// What diagonalise keeps free below the largest 32-bit integer.
  static constexpr std::int64_t kWorkspaceReserve = 1024;

  /// Times of the flow, taken a few at a time.
  struct Batches {
    double count = 0.0;
    std::int64_t columns = 0;  ///< of the largest
    double all_columns = 0.0;
    [[nodiscard]] double mean_columns() const { return all_columns / std::max(1.0, count); }
  };
  Batches batches_of(const DynamicsOptions& options) {
    return batches_of_columns(static_cast<std::int64_t>(options.times.size()),
                              plan_.times_per_batch);
  }
  /// Batches of so many times or ridges. @param per_batch  set to how many each takes
  Batches batches_of_columns(std::int64_t times, std::int64_t& per_batch) {
    const std::int64_t one_time = std::max<std::int64_t>(1, std::max(n_, m_) * c_ * kDouble);
    per_batch =
        std::clamp<std::int64_t>(kTrajectoryBytes / one_time, 1, std::max<std::int64_t>(1, times));
    return {std::ceil(static_cast<double>(times) / static_cast<double>(per_batch)), per_batch * c_,
            static_cast<double>(times * c_)};
  }
  /// Test points of a block of the posterior: whole blocks of the distribution, so that each stays
  /// with its rank, or all of them where their covariance is asked for.
  [[nodiscard]] std::int64_t points_per_block(const PosteriorOptions& options) const {
    if (options.covariance) {
      return std::max<std::int64_t>(1, m_);
    }
    const std::int64_t local = kPointBlockBytes / std::max<std::int64_t>(1, rows_ * kDouble);
    const std::int64_t replicated =
        kTrajectoryBytes /
        std::max<std::int64_t>(
            1, c_ * (1 + options.samples + std::ssize(options.quantiles)) * kDouble);
    const std::int64_t deal = plan_.block * plan_.grid.cols;
    const std::int64_t most = std::min(local / plan_.block, replicated / deal);
    return std::clamp<std::int64_t>(m_, 1, std::max<std::int64_t>(1, most) * deal);
  }
  [[nodiscard]] double on_test_flop(const Batches& batches) const {
    return cross_products(batches.count) + 2.0 * pairs() * batches.all_columns;
  }
  [[nodiscard]] double on_test_seconds(const Batches& batches) const {
    return batches.count * (values(pairs()) + time_->thin_products(pairs(), batches.mean_columns(),
                                                                   RealKind::double_precision));
  }

  /// Memory that ScaLAPACK takes only where there is someone to send to.
  [[nodiscard]] std::int64_t shared(std::int64_t bytes) const {
    return plan_.ranks > 1 ? bytes : 0;
  }
  /// Wide blocks suit the factorisation; p?syevd takes nearly twice as long with them.
  [[nodiscard]] std::int64_t chosen_block() const {
    constexpr std::int64_t kWidestForEigen = 128;
    const std::int64_t block = automatic_block_size(n_, plan_.grid);
    return has_full_spectrum(config_) || is_spectral(config_) || has_spectral_posterior(config_) ||
                   has_spectral_path(config_)
               ? std::min(block, kWidestForEigen)
               : block;
  }

  [[nodiscard]] std::int64_t sample_bytes() const {
    return (d_ + kernel_values(config_)) * kDouble;
  }
  [[nodiscard]] TimeModel model(std::int64_t n) const {
    const auto mean = static_cast<double>(n) * static_cast<double>(n) / plan_.ranks;
    return {rates_, plan_.grid, plan_.block,
            mean > 0.0 ? static_cast<double>(local_elements(plan_, n, n)) / mean : 1.0};
  }
  [[nodiscard]] double values(double pairs) const {
    return time_->kernel_values(pairs, static_cast<double>(d_), entry_flop_,
                                RealKind::double_precision);
  }
  /// A product of K, evaluated anew, with so many vectors.
  [[nodiscard]] double exact_product(double columns) const {
    return values(0.5 * square()) +
           time_->thin_products(square(), columns, RealKind::double_precision) +
           time_->all_sum(static_cast<double>(n_) * columns * kDouble);
  }

  void stage(const std::string& name, std::vector<StageMemory::Item> items) {
    items.push_back({"program, libraries, MPI", kProgramBytes});
    items.push_back({"packed operands of BLAS", kPackingBytes});
    items.push_back({"targets (whole)", (n_ + m_) * c_ * kDouble});
    plan_.stages.push_back({name, std::move(items)});
  }
  void with_samples(const std::string& name, std::vector<StageMemory::Item> items) {
    if (kept_eigenvectors_ > 0) {
      items.push_back({"eigenvectors for later stages", kept_eigenvectors_});
    }
    items.push_back({"samples of rows and columns", slices_});
    items.push_back({"tile buffer", KernelMatrix<double>::kTileBytes});
    stage(name, std::move(items));
  }
  void work(const char* phase, double flop, double bytes, double seconds, double repeats = 1.0) {
    plan_.work.push_back({phase, flop, bytes, seconds, repeats});
  }
  void limit(const char* name, std::int64_t value, std::int64_t bound = kLargestInt) {
    plan_.limits.push_back({name, value, bound});
  }
  /// Products with single vectors that Lanczos takes for so many pairs, and the time of such,
  /// blocks of them at once.
  [[nodiscard]] double lanczos_columns(std::int64_t count) const {
    return kLanczosFillings * static_cast<double>(lanczos_basis_size(n_, std::min(n_, count)));
  }
  [[nodiscard]] double block_products(double columns, RealKind real) const {
    constexpr double kBlock{kLanczosBlock};
    return columns / kBlock * time_->stored_product(static_cast<double>(n_), kBlock, real);
  }
  static std::int64_t projected_bytes(std::int64_t basis) { return 4 * basis * basis * kDouble; }
  void projected_limit(std::int64_t basis) {
    limit("xSYEVD: values of workspace", 1 + 6 * basis + 2 * basis * basis);
  }
  [[nodiscard]] double stored_vectors(std::int64_t count) const {
    return static_cast<double>(count) * static_cast<double>(n_) * kDouble;
  }
  /// Of the learning curves of so many modes at most, which every rank holds whole, and once more
  /// in the order of the file.
  [[nodiscard]] static double mode_curves_bytes(const SpectrumOptions& options,
                                                std::int64_t count) {
    return static_cast<double>(std::min(count, options.modes)) *
           static_cast<double>(options.times.size()) * kDouble;
  }
  [[nodiscard]] double square() const { return static_cast<double>(n_) * static_cast<double>(n_); }
  [[nodiscard]] double pairs() const { return static_cast<double>(n_) * static_cast<double>(m_); }
  /// Inner products of all pairs of training samples.
  [[nodiscard]] double one_triangle() const { return square() * static_cast<double>(d_); }
  [[nodiscard]] double cross_products(double repeats) const {
    return 2.0 * repeats * pairs() * static_cast<double>(d_);
  }

  const RunConfig& config_;
  Calibration rates_;
  std::int64_t n_;
  std::int64_t m_;
  std::int64_t d_;
  std::int64_t c_;
  double entry_flop_;
  std::int64_t rows_ = 0;  ///< of a training matrix on the rank that holds most
  std::int64_t cols_ = 0;
  std::int64_t slices_ = 0;
  std::int64_t kept_eigenvectors_ = 0;  ///< bytes, beside the stages up to those that use them
  double file_bytes_ = 0.0;
  std::optional<TimeModel> time_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const RunConfig& config, const DataShape& shape, int ranks, PlannedCommand command,
               const Calibration& rates) {
  NTKFLOW_EXPECTS(!config.regression || config.regression->precision != Precision::automatic);
  NTKFLOW_EXPECTS(!config.regression || !config.regression->path ||
                  config.regression->path->method != RidgePathMethod::automatic);
  NTKFLOW_EXPECTS(!config.dynamics || config.dynamics->method != FlowMethod::automatic);
  NTKFLOW_EXPECTS(!config.spectrum || config.spectrum->method != SpectrumMethod::automatic);
  Planner planner(config, shape, ranks, rates);
  planner.data();
  if (command == PlannedCommand::gram || config.output.gram) {
    planner.kernel_output();
  }
  if (config.output.gram_depths) {
    planner.kernel_by_depth(config.kernel.architecture.depth);
  }
  if (command == PlannedCommand::gram) {
    return planner.finished();
  }
  if (config.dynamics && config.dynamics->initial == InitialFunction::gaussian_process) {
    planner.draw("initial function", shape.outputs);
  }
  if (has_spectral_path(config)) {
    planner.eigensystem("gram for eigen", "eigensystem", 0);
  }
  if (config.regression && config.regression->path) {
    planner.ridge_path(*config.regression->path);
  }
  if (config.regression) {
    planner.regression(*config.regression);
  } else if (keeps_kernel(config)) {
    planner.stored_kernel();
  }
  if (uses_krylov(config)) {
    planner.krylov_flow(*config.dynamics, config.regression ? &*config.regression : nullptr);
  }
  if (has_leading_spectrum(config)) {
    planner.leading_spectrum(*config.spectrum, config.regression ? &*config.regression : nullptr);
  }
  planner.use_kept_eigenvectors();
  if ((is_spectral(config) || has_full_spectrum(config)) && !has_spectral_path(config)) {
    planner.eigensystem("gram for eigen", "eigensystem", 0);
  }
  if (has_full_spectrum(config)) {
    planner.full_spectrum(*config.spectrum);
  }
  if (is_spectral(config)) {
    planner.spectral_flow(*config.dynamics);
  }
  if (config.dynamics) {
    planner.trajectory(*config.dynamics, config.output.predictions);
  }
  if (config.posterior) {
    planner.posterior(*config.posterior);
  }
  if (config.random_functions) {
    planner.random_functions(*config.random_functions);
  }
  if (config.output.model) {
    planner.model_output();
  }
  return planner.finished();
}

}  // namespace ntkflow::app
