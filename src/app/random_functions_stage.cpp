#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/regression/random_functions.hpp>
#include <ntkflow/regression/scores.hpp>

#include "joint_covariance.hpp"
#include "results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

/// Functions of one draw that have numbers of their own.
constexpr std::uint64_t kFunctionsOfDraw = std::uint64_t{1} << 32;

/// Values of random functions at training and test points, [(N + M) x P].
class Functions {
 public:
  explicit Functions(Run& run) : run_(&run), options_(*run.problem.config.random_functions) {
    const Problem& problem = run.problem;
    points_ = problem.train_size() + problem.test_size();
    if (options_.source == FunctionSource::network) {
      const BlockCyclic rows(points_, problem.plan.block, problem.grid->shape().rows,
                             problem.grid->row());
      inputs_ = load_joint(problem, rows);
      return;
    }
    auto [outcome, jitter] = with_covariance(
        load_joint_nngp(problem).of_type(problem.config.kernel.type), SingularCovariance::jittered,
        run.report, [&](DistMatrix<double> k) {
          return factor_cholesky(std::move(k), Factorization::automatic, run.report);
        });
    if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
      refuse_covariance("no random function can be drawn: the kernel as covariance", *failure,
                        problem.train_size(), jitter, "remove [random_functions]");
    }
    factor_.emplace(std::move(std::get<CholeskyFactor<double>>(outcome)));
    jitter_ = jitter;
  }

  /// Added to the diagonal of the covariance.
  [[nodiscard]] double jitter() const { return jitter_; }

  /// Function p is one of seed, draw and p alone. Collective over the grid.
  [[nodiscard]] DistMatrix<double> draw(std::uint64_t number) const {
    const Problem& problem = run_->problem;
    if (factor_) {
      return draw_functions(*factor_, options_.counts.back(), options_.seed, number);
    }
    std::optional<DistMatrix<double>> values;
    collectively(run_->comm, [&] {
      values.emplace(problem.grid, points_, options_.counts.back(), problem.plan.block);
      evaluate_networks(number, *values);
    });
    return std::move(*values);
  }

 private:
  /// The networks of this rank's columns at the points of its rows. Local.
  void evaluate_networks(std::uint64_t number, DistMatrix<double>& values) const {
    const Problem& problem = run_->problem;
    for (std::int64_t j = 0; j < values.local_cols(); ++j) {
      const auto p = static_cast<std::uint64_t>(values.col_map().to_global({j}).value);
      const Network<double> network(problem.config.kernel.architecture,
                                    {problem.plan.shape.dimension, options_.width, 1},
                                    {options_.seed, number * kFunctionsOfDraw + p});
      const Matrix<double> outputs = network.evaluate(inputs_.view());
      std::copy_n(outputs.column(0), outputs.rows(), values.local().column(j));
    }
  }

  Run* run_;
  const RandomFunctionsOptions& options_;
  std::int64_t points_ = 0;
  std::optional<CholeskyFactor<double>> factor_;  ///< of the covariance of all points
  double jitter_ = 0.0;
  Matrix<double> inputs_;  ///< of the networks, [d x local rows]
};

/// What is told of each model, [counts x draws] row by row.
struct Scores {
  std::vector<double> train_mse, test_mse, test_accuracy, error;
};

/// Root mean square of the kernel's predictions over test samples and outputs.
double size_of_predictions(const Matrix<double>& prediction) {
  const double sum = std::inner_product(prediction.data(), prediction.data() + prediction.size(),
                                        prediction.data(), 0.0);
  return std::sqrt(sum / static_cast<double>(prediction.size()));
}

/// Fits the first P functions and scores them at position `at`.
void score(Run& run, const DistMatrix<double>& values, std::int64_t count, std::size_t at,
           Scores& scores) {
  const std::int64_t n = run.problem.train_size();
  const std::int64_t m = run.problem.test_size();
  std::optional<DistMatrix<double>> features;
  collectively(run.comm, [&] { features.emplace(leading_part(values, n, count)); });
  const Matrix<double> weights = fit_functions(*features, run.residual, run.ridge, run.report);
  features.reset();
  const Matrix<double> increment = multiply_leading(values, weights);
  const SplitInfo& known = run.split(Split::test);
  collectively(run.comm, [&] {
    Matrix<double> train(n, increment.cols());
    Matrix<double> test(m, increment.cols());
    for (std::int64_t c = 0; c < increment.cols(); ++c) {
      std::copy_n(increment.column(c), n, train.column(c));
      std::copy_n(increment.column(c) + n, m, test.column(c));
    }
    add_initial(run.initial.train, train);
    add_initial(run.initial.test, test);
    const auto on_test = std::as_const(test).view();
    scores.train_mse[at] =
        mean_squared_error(std::as_const(train).view(), run.split(Split::train).target.view());
    scores.test_mse[at] = mean_squared_error(on_test, known.target.view());
    if (!known.label.empty()) {
      scores.test_accuracy[at] = accuracy(on_test, known.label);
    }
    scores.error[at] =
        std::sqrt(mean_squared_error(on_test, std::as_const(run.test_prediction).view()));
  });
}

void write_scores(Run& run, const Scores& scores) {
  const RandomFunctionsOptions& options = *run.problem.config.random_functions;
  run.file.scale("/random_functions/count", "number of functions, P", options.counts);
  write_index_scale(run.file, "/random_functions/draw", "independent repetition", options.draws);
  const auto write = [&](const char* name, const char* long_name,
                         const std::vector<double>& values) {
    run.file.write({std::string("/random_functions/") + name,
                    long_name,
                    "1",
                    {std::ssize(options.counts), options.draws},
                    {"/random_functions/count", "/random_functions/draw"}},
                   values);
  };
  write("train_mse", "mean squared error on the training set", scores.train_mse);
  write("test_mse", "mean squared error on the test set", scores.test_mse);
  if (!run.split(Split::test).label.empty()) {
    write("test_accuracy", "fraction of test samples classified rightly", scores.test_accuracy);
  }
  write("error", "root mean square over test samples and outputs of f minus kernel regression",
        scores.error);
  if (const double size = size_of_predictions(run.test_prediction); size > 0.0) {
    std::vector<double> relative = scores.error;
    std::for_each(relative.begin(), relative.end(), [size](double& value) { value /= size; });
    write("relative_error", "error over the root mean square of the kernel regression", relative);
  }
}

/// The power of P with which the error falls, from 2 N functions on, if they reach over a factor of
/// 2: below, the error is that of the fit's own singularity at P = N.
void write_slope(Run& run, const Scores& scores) {
  const RandomFunctionsOptions& options = *run.problem.config.random_functions;
  const auto& counts = options.counts;
  const auto first = std::lower_bound(counts.begin(), counts.end(), 2 * run.problem.train_size());
  if (first == counts.end() || counts.back() < 2 * *first) {
    return;
  }
  const auto skipped = first - counts.begin();
  Matrix<double> error(counts.end() - first, options.draws);
  for (std::int64_t i = 0; i < error.rows(); ++i) {
    for (std::int64_t j = 0; j < error.cols(); ++j) {
      error(i, j) = scores.error[static_cast<std::size_t>((skipped + i) * options.draws + j)];
    }
  }
  const auto power = power_of_size(std::span(counts).subspan(static_cast<std::size_t>(skipped)),
                                   std::as_const(error).view());
  if (!power) {
    return;
  }
  run.file.attribute("/random_functions", "slope", power->slope);
  run.file.attribute("/random_functions", "slope_from", *first);
  run.report.value("random_functions_slope", power->slope);
  std::string uncertainty;
  if (!std::isnan(power->standard_error)) {
    run.file.attribute("/random_functions", "slope_standard_error", power->standard_error);
    uncertainty = fmt::format(" +- {:.2g}", power->standard_error);
  }
  run.report.line(fmt::format("  from P = {} on the error falls as P^({:.3f}{})", *first,
                              power->slope, uncertainty));
}

}  // namespace

void random_functions_stage(Run& run) {
  const RandomFunctionsOptions& options = *run.problem.config.random_functions;
  const Plan& plan = run.problem.plan;
  const PhaseWork& source_work = plan.phase("functions");
  const Functions functions = run.report.phase(source_work, [&] { return Functions(run); });
  if (functions.jitter() > 0.0) {
    run.report.line(
        fmt::format("  the kernel is singular to rounding: functions are drawn with {:.1e} on its "
                    "diagonal",
                    functions.jitter()));
  }
  const auto models = options.counts.size() * static_cast<std::size_t>(options.draws);
  const std::vector<double> none(models, 0.0);
  Scores scores{none, none, none, none};
  const PhaseWork& work = plan.phase("random functions");
  run.report.phase(work, [&] {
    for (std::int64_t draw = 0; draw < options.draws; ++draw) {
      const DistMatrix<double> values = functions.draw(static_cast<std::uint64_t>(draw));
      for (std::size_t i = 0; i < options.counts.size(); ++i) {
        run.report.stop_if_requested("random functions");
        score(run, values, options.counts[i],
              i * static_cast<std::size_t>(options.draws) + static_cast<std::size_t>(draw), scores);
      }
      run.report.progress(draw + 1, options.draws);
    }
  });
  const bool is_network = options.source == FunctionSource::network;
  run.file.attribute("/random_functions", "source",
                     std::string(is_network ? "network" : "gaussian_process"));
  if (is_network) {
    run.file.attribute("/random_functions", "width", options.width);
  } else {
    run.file.attribute("/random_functions", "jitter", functions.jitter());
  }
  run.file.attribute("/random_functions", "seed", static_cast<std::int64_t>(options.seed));
  run.file.attribute("/random_functions", "ridge", run.ridge);
  write_scores(run, scores);
  const double size = size_of_predictions(run.test_prediction);
  for (std::size_t i = 0; i < options.counts.size(); ++i) {
    const auto first = i * static_cast<std::size_t>(options.draws);
    const double error = scores.error[first];
    run.report.line(
        fmt::format("  {} functions: test mean squared error {:.6g}, off the kernel's "
                    "predictions by {:.3g}{} (first draw)",
                    options.counts[i], scores.test_mse[first], size > 0.0 ? error / size : error,
                    size > 0.0 ? " of them" : ", which are 0"));
  }
  write_slope(run, scores);
}

}  // namespace ntkflow::app
