#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/regression/fit.hpp>
#include <ntkflow/regression/krylov_ridge_path.hpp>
#include <ntkflow/regression/ridge_path.hpp>
#include <ntkflow/regression/scores.hpp>

#include "results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

/// A criterion as configuration, attributes and sentences call it.
struct CriterionNames {
  RidgeCriterion criterion;
  const char* key;
  const char* attribute;
  const char* in_words;
};
constexpr CriterionNames kCriteria[] = {
    {RidgeCriterion::leave_one_out, "leave_one_out", "best_by_leave_one_out",
     "leave-one-out error"},
    {RidgeCriterion::gcv, "gcv", "best_by_gcv", "generalised cross-validation"},
    {RidgeCriterion::likelihood, "likelihood", "best_by_likelihood", "marginal likelihood"},
};

/// Curves over the ridges.
struct Path {
  std::vector<double> ridges;  ///< absolute
  std::vector<RidgeScore> scores;
  std::vector<RidgeScore> standard_errors;  ///< of a Krylov space
  std::vector<double> residual_error;       ///< likewise
  std::vector<double> test_mse;
  std::vector<double> test_accuracy;
};

/// Appends the errors on the test set, all ridges of a batch in one pass over its kernel.
template <class Solver>
void score_test_set(Run& run, const Solver& solver, Path& path) {
  if (!run.test) {
    return;
  }
  const SplitInfo& test = run.split(Split::test);
  const std::int64_t outputs = test.target.cols();
  const std::int64_t count = std::ssize(path.ridges);
  for (std::int64_t begin = 0; begin < count; begin += run.problem.plan.ridges_per_batch) {
    const std::int64_t size = std::min(run.problem.plan.ridges_per_batch, count - begin);
    const auto batch =
        std::span<const double>(path.ridges)
            .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    Matrix<double> on_test = run.test->multiply_transposed(solver.coefficients(batch), run.report);
    collectively(run.comm, [&] {
      add_initial(run.initial.test, on_test);
      for (std::int64_t k = 0; k < size; ++k) {
        const auto prediction =
            std::as_const(on_test).view().block(0, k * outputs, on_test.rows(), outputs);
        path.test_mse.push_back(mean_squared_error(prediction, test.target.view()));
        if (!test.label.empty()) {
          path.test_accuracy.push_back(accuracy(prediction, test.label));
        }
      }
    });
  }
}

std::optional<EigenSystem<double>> spectral_path(Run& run, Path& path) {
  auto eigen = eigensystem_of(run, *run.training.matrix, "gram for eigen", "eigensystem");
  const SplitInfo& train = run.split(Split::train);
  const PhaseWork& work = run.problem.plan.phase("ridge path");
  run.report.phase(work, [&] {
    const SpectralRidgePath solver(eigen, run.residual);
    path.scores =
        solver.scores(path.ridges, train.target, train.label, run.problem.plan.ridges_per_batch);
    score_test_set(run, solver, path);
  });
  if (!keeps_eigensystem(run.problem.config)) {
    return std::nullopt;
  }
  return eigen;
}

void krylov_path(Run& run, Path& path) {
  Report& report = run.report;
  const Plan& plan = run.problem.plan;
  SolvedKernel kernel = store_kernel(run, "path gram", "path mirror");
  KrylovRidgeOptions options;
  options.most_columns = ridge_path_most_columns(run.problem.train_size(), run.residual.cols());
  Matrix<double> probes;
  collectively(run.comm, [&] { probes = trace_probes(run.problem.train_size(), kTraceProbes); });
  const auto built = report.untimed("path krylov", [&] {
    return std::make_unique<const KrylovRidgePath>(run.comm, *kernel.products, run.residual, probes,
                                                   path.ridges, options, report);
  });
  kernel = SolvedKernel{};  // the matrix has served
  const KrylovRidgeReport& space = built->report();
  report.record(plan.phase("path products"), space.product_seconds,
                static_cast<double>(space.products));
  report.record(plan.phase("path basis"), space.orthogonalisation_seconds);
  report.record(plan.phase("path estimate"), space.estimate_seconds);
  path.scores = built->scores();
  path.standard_errors = built->standard_errors();
  path.residual_error = built->residual_error();
  const double largest =
      std::accumulate(path.residual_error.begin(), path.residual_error.end(), 0.0, max_or_nan);
  report.line(fmt::format("  a space of {} dimensions from {} products, residuals up to {:.1e}",
                          space.dimension, space.products, largest));
  if (!space.converged) {
    report.warning(
        fmt::format("the Krylov space of the ridge path reached its largest dimension, {}, with "
                    "residuals up to {:.1e} of |y - f0|: small ridges need larger spaces; see "
                    "/ridge_path/error_estimate, or set regression.path_method = \"spectral\"",
                    space.dimension, largest));
  }
  run.file.attribute("/ridge_path", "basis_dimension", space.dimension);
  run.file.attribute("/ridge_path", "product_count", space.products);
  run.file.attribute("/ridge_path", "probe_count", kTraceProbes);
  const PhaseWork& work = plan.phase("ridge path");
  report.phase(work, [&] { score_test_set(run, *built, path); });
}

/// A curve of the scores, unless it has no value at all.
void write_curve(Run& run, const std::string& name, const char* long_name,
                 const std::vector<double>& values) {
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) {
    run.file.write(
        {"/ridge_path/" + name, long_name, "1", {std::ssize(values)}, {"/ridge_path/ridge"}},
        values);
  }
}

void write_path(Run& run, const Path& path) {
  run.file.scale("/ridge_path/ridge", "ridge, absolute", path.ridges);
  const auto write_field = [&](const std::vector<RidgeScore>& scores, double RidgeScore::*field,
                               const std::string& name, const char* long_name) {
    std::vector<double> values;
    for (const RidgeScore& score : scores) {
      values.push_back(score.*field);
    }
    write_curve(run, name, long_name, values);
  };
  const auto write = [&](double RidgeScore::*field, const std::string& name,
                         const char* long_name) {
    write_field(path.scores, field, name, long_name);
    write_field(path.standard_errors, field, name + "_standard_error",
                "standard error over the random probes");
  };
  write(&RidgeScore::train_mse, "train_mse", "mean squared error on the training set");
  write(&RidgeScore::leave_one_out_mse, "leave_one_out_mse",
        "mean squared error at each training sample of the fit without it");
  write(&RidgeScore::leave_one_out_accuracy, "leave_one_out_accuracy",
        "fraction of training samples classified rightly by the fit without them");
  write(&RidgeScore::gcv, "gcv", "generalised cross-validation, mean over outputs");
  write(&RidgeScore::log_marginal_likelihood, "log_marginal_likelihood",
        "log density of y - f0 under N(0, K + ridge I), summed over outputs");
  write(&RidgeScore::log_marginal_likelihood_gradient, "log_marginal_likelihood_gradient",
        "its derivative in the ridge");
  write(&RidgeScore::effective_dimension, "effective_dimension", "trace of K (K + ridge I)^-1");
  write(&RidgeScore::coefficient_norm, "coefficient_norm",
        "2-norm of the coefficients of all outputs");
  write_curve(run, "test_mse", "mean squared error on the test set", path.test_mse);
  write_curve(run, "test_accuracy", "fraction of test samples classified rightly",
              path.test_accuracy);
  write_curve(run, "error_estimate",
              "largest over outputs of |y - f0 - (K + ridge I) alpha| / |y - f0|",
              path.residual_error);
}

/// Chooses by the criterion that is asked for, and says what each would have chosen.
std::size_t choose_ridge(Run& run, const Path& path) {
  const RidgeCriterion criterion = *run.problem.config.regression->path->select;
  std::optional<std::size_t> selected;
  const CriterionNames* names = nullptr;
  std::string others;
  for (const CriterionNames& each : kCriteria) {
    const auto best = best_ridge(path.scores, each.criterion);
    if (best) {
      run.file.attribute("/ridge_path", each.attribute, path.ridges[*best]);
      run.report.value(each.attribute, path.ridges[*best]);
    }
    if (each.criterion == criterion) {
      selected = best;
      names = &each;
    } else if (best) {
      others += fmt::format("; {} would take {:.6g}", each.in_words, path.ridges[*best]);
    }
  }
  if (!selected) {
    throw NumericalError(fmt::format(
        "no ridge can be chosen by {}: with each of the list, the largest being {:.3g}, the kernel "
        "matrix is singular to rounding or the score overflows; give larger ones in "
        "regression.ridge, or rescale the targets",
        names->in_words, path.ridges.back()));
  }
  run.file.attribute("/ridge_path", "selected_by", std::string(names->key));
  run.file.attribute("/ridge_path", "selected_ridge", path.ridges[*selected]);
  run.report.value("selected_ridge", path.ridges[*selected]);
  const RegressionOptions& options = *run.problem.config.regression;
  const std::string relative =
      options.ridge.scale == RidgeScale::mean_diagonal
          ? fmt::format("{:.6g} x mean diagonal = ", options.path->ridges[*selected])
          : std::string();
  run.report.line(fmt::format("  ridge {}{:.6g}, the best of {} by {}{}", relative,
                              path.ridges[*selected], path.ridges.size(), names->in_words, others));
  // Below 0 there is nothing to try.
  const bool is_lowest = *selected == 0 && path.ridges.front() > 0.0;
  if (path.ridges.size() > 1 && (is_lowest || *selected + 1 == path.ridges.size())) {
    run.report.warning(
        fmt::format("the best ridge by {} is the {} of the list: a better one may lie beyond it",
                    names->in_words, is_lowest ? "first" : "last"));
  }
  return *selected;
}

}  // namespace

double checked_ridge(const Run& run, double value) {
  // From 1 / epsilon times K on, nothing of K is left in K + ridge I; squares of the largest are
  // far from overflow.
  constexpr double kMostTimesDiagonal = 1e15;
  constexpr double kMost = 1e140;
  const RidgeScale scale = run.problem.config.regression->ridge.scale;
  const double mean = run.mean_diagonal;
  const bool is_relative = scale == RidgeScale::mean_diagonal;
  const double unit = is_relative ? 1.0 : mean;
  const double most = mean > 0.0 ? std::min(kMostTimesDiagonal * unit, kMost * unit / mean) : kMost;
  if (std::isfinite(mean) && value > most) {
    throw ConfigError(
        fmt::format("regression.ridge: {:.6g}{} leaves nothing of the kernel, whose mean diagonal "
                    "element is {:.6g}; allowed: up to {:.6g}",
                    value, is_relative ? " times the mean diagonal" : "", mean, most));
  }
  const std::int64_t n = run.problem.train_size();
  return absolute_ridge({value, scale}, mean * static_cast<double>(n), n);
}

std::optional<EigenSystem<double>> ridge_path_stage(Run& run) {
  const RegressionOptions& options = *run.problem.config.regression;
  Path path;
  for (const double value : options.path->ridges) {
    path.ridges.push_back(checked_ridge(run, value));
  }
  if (options.ridge.scale == RidgeScale::mean_diagonal) {
    run.file.attribute("/ridge_path", "mean_diagonal", run.mean_diagonal);
  }
  write_method(run.file, "/ridge_path", path_method_name(run.problem.config),
               run.problem.reasons.path);
  std::optional<EigenSystem<double>> eigen;
  if (has_spectral_path(run.problem.config)) {
    eigen = spectral_path(run, path);
  } else {
    krylov_path(run, path);
  }
  write_path(run, path);
  const std::size_t selected = choose_ridge(run, path);
  run.ridge = path.ridges[selected];
  if (!path.test_mse.empty()) {
    run.file.attribute("/ridge_path", "selected_test_mse", path.test_mse[selected]);
  }
  return eigen;
}

}  // namespace ntkflow::app
