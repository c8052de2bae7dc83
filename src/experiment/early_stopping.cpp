// Training on labels of which some are wrong: the leading modes carry what the classes are, label
// noise is spread over all of them, so that there is a time at which to stop. Ref: Jacot, Gabriel,
// Hongler (2018), section 5.1; Ali, Kolter, Tibshirani (2019), theorem 3 (a time t acts as a ridge
// N/t).
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/regression/ridge_path.hpp>
#include <ntkflow/regression/scores.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "label_noise.hpp"
#include "shared_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr const char* kTimeAxis = "/experiment/time";
constexpr const char* kClassAxis = "/experiment/class";
constexpr std::int64_t kTimes = 61;

/// Losses along a path of times, or of ridges.
struct Path {
  std::vector<double> train_loss;
  std::vector<double> test_loss;
  std::vector<double> test_accuracy;
  Matrix<double> sample_loss;  ///< 1/2 |f - y|^2 of each test sample, [M x points]

  [[nodiscard]] std::size_t best() const {
    return static_cast<std::size_t>(std::min_element(test_loss.begin(), test_loss.end()) -
                                    test_loss.begin());
  }
  /// Of each test sample the loss at the end less that at the best point.
  [[nodiscard]] std::vector<double> gains() const {
    std::vector<double> result;
    for (std::int64_t i = 0; i < sample_loss.rows(); ++i) {
      result.push_back(sample_loss(i, sample_loss.cols() - 1) -
                       sample_loss(i, static_cast<std::int64_t>(best())));
    }
    return result;
  }
};

/// Local. @param outputs  at the test samples, C columns for each point
Path path_of(const StudyProblem& study, const Matrix<double>& outputs,
             std::vector<double> train_loss) {
  const Matrix<double>& y = study.test_y;
  const auto points = std::ssize(train_loss);
  Path path{std::move(train_loss), {}, {}, Matrix<double>(y.rows(), points)};
  for (std::int64_t k = 0; k < points; ++k) {
    const auto f = outputs.view().block(0, k * y.cols(), y.rows(), y.cols());
    path.test_loss.push_back(flow_loss(f, y.view()));
    path.test_accuracy.push_back(accuracy(f, study.test_label));
    for (std::int64_t j = 0; j < y.cols(); ++j) {
      for (std::int64_t i = 0; i < y.rows(); ++i) {
        const double error = f(i, j) - y(i, j);
        path.sample_loss(i, k) += error * error / 2.0;
      }
    }
  }
  return path;
}

/// 1/2 mean |f - y|^2 at each point. Local.
/// @param left  what is left of the residual of a mode with this eigenvalue at a point
std::vector<double> train_losses(const TrainedModes& modes, std::span<const double> points,
                                 const std::function<double(double, double)>& left) {
  std::vector<double> losses;
  for (const double point : points) {
    double sum = 0.0;
    for (std::size_t i = 0; i < modes.energy.size(); ++i) {
      const double part = left(modes.lambda[i], point);
      sum += part * part * modes.energy[i];
    }
    losses.push_back(sum / (2.0 * static_cast<double>(modes.samples)));
  }
  return losses;
}

/// Kernel, eigensystem and test samples of the study. All members are Collective over the grid.
class Problem {
 public:
  Problem(const Communicator& comm, const StudyProblem& study, const LimitingKernel& limit,
          StudyProgress& progress)
      : comm_(&comm),
        study_(&study),
        test_(limit.matrix(study.type, study.x, study.test_x)),
        eigen_(shared_eigensystem(limit.matrix(study.type, study.x, study.x), progress)) {}

  [[nodiscard]] const EigenSystem<double>& eigen() const { return eigen_; }

  /// Training on targets y.
  [[nodiscard]] Path flow(const Matrix<double>& y, std::span<const double> times,
                          StudyProgress& progress) const {
    const GradientFlow flow(eigen_, y, 0.0);
    return follow(flow.coefficients(times),
                  train_losses(flow.modes(), times,
                               [&](double lambda, double t) { return 1.0 - learned(lambda, t); }),
                  progress);
  }
  /// Training for ever with each ridge.
  [[nodiscard]] Path ridge(const Matrix<double>& y, std::span<const double> ridges,
                           StudyProgress& progress) const {
    return follow(SpectralRidgePath(eigen_, y).coefficients(ridges),
                  train_losses(GradientFlow(eigen_, y, 0.0).modes(), ridges,
                               [](double lambda, double ridge) {
                                 return ridge / (std::max(lambda, 0.0) + ridge);
                               }),
                  progress);
  }

  /// What has been learned of a mode at time t: nothing in the null space. Local.
  [[nodiscard]] double learned(double lambda, double t) const {
    const TrainingRule rule;
    return lambda > rounding_level(eigen_) ? 1.0 - rule.residual(lambda, t, study_->x.cols()) : 0.0;
  }

 private:
  [[nodiscard]] Path follow(const Matrix<double>& coefficients, std::vector<double> train_loss,
                            StudyProgress& progress) const {
    stop_if_asked(*comm_, progress);
    progress.begin(1.0);
    const Matrix<double> outputs = test_.multiply_transposed(coefficients, progress);
    Path path = prepared(*comm_, [&] { return path_of(*study_, outputs, std::move(train_loss)); });
    progress.end();
    return path;
  }

  const Communicator* comm_;
  const StudyProblem* study_;
  KernelMatrix<double> test_;
  EigenSystem<double> eigen_;
};

/// How much of the energy of each column of modes has been learned: sum E_i g_i^2 / sum E_i.
std::vector<double> learned_energy(const Matrix<double>& modes, const std::vector<double>& g) {
  std::vector<double> result;
  for (std::int64_t j = 0; j < modes.cols(); ++j) {
    double learned = 0.0;
    double total = 0.0;
    for (std::int64_t i = 0; i < modes.rows(); ++i) {
      const double energy = modes(i, j) * modes(i, j);
      learned += energy * g[static_cast<std::size_t>(i)] * g[static_cast<std::size_t>(i)];
      total += energy;
    }
    result.push_back(total > 0.0 ? learned / total : 0.0);
  }
  return result;
}

/// As above for all columns together.
double learned_total(const Matrix<double>& modes, const std::vector<double>& g) {
  Matrix<double> all(modes.size(), 1);
  std::copy_n(modes.data(), modes.size(), all.data());
  std::vector<double> repeated;
  for (std::int64_t j = 0; j < modes.cols(); ++j) {
    repeated.insert(repeated.end(), g.begin(), g.end());
  }
  return learned_energy(all, repeated).front();
}

/// Five standard errors of the mean.
double margin_of(const std::vector<double>& values) {
  return 5.0 * standard_deviation(values) / std::sqrt(static_cast<double>(std::ssize(values)));
}

}  // namespace

StudyCost early_stopping_cost(const ExperimentOptions&, const Architecture& architecture,
                              const DataShape& shape, int ranks) {
  const auto n = static_cast<double>(shape.train_size);
  const auto m = static_cast<double>(shape.test_size);
  const auto c = static_cast<double>(shape.outputs);
  constexpr auto kPoints = static_cast<double>(kTimes);
  StudyCost cost;
  // Targets, their modes and their parts; coefficients twice and outputs of a path; losses of
  // three.
  cost.bytes = samples_bytes(shape, architecture.activation, architecture.depth, ranks) +
               eigensystem_bytes(shape.train_size, ranks) +
               8.0 * (8.0 * n * c + kPoints * (c * (3.0 * n + 2.0 * m) + 3.0 * m));
  cost.file_bytes = 8.0 * kPoints * (12.0 + c);
  cost.flop = 9.0 * n * n * n + 3.0 * 2.0 * n * m * static_cast<double>(shape.dimension) +
              3.0 * kPoints * 2.0 * n * (n + m) * c;
  return cost;
}

StudyResult early_stopping(const Communicator& comm, const StudyProblem& study, Monitor& monitor) {
  require_classes(study);
  const EarlyStoppingOptions& options = study.options.early_stopping;
  const std::int64_t n = study.x.cols();
  const std::int64_t classes = study.y.cols();
  const NoisyTargets noisy =
      prepared(comm, [&] { return with_label_noise(study.y, study.label, options); });
  stop_if_asked(comm, monitor);
  const auto grid = shared_grid(comm);
  StudyProgress progress(monitor, 3.0);
  const Problem problem(comm, study, shared_kernel(study.architecture, grid, n), progress);
  const auto count = static_cast<double>(n);

  // From before anything is learned until all is.
  std::vector<double> times;
  const double first = 0.1 * count / problem.eigen().values.back();
  const std::vector<double>& lambda = problem.eigen().values;
  const double last =
      30.0 * count /
      *std::upper_bound(lambda.begin(), lambda.end(), rounding_level(problem.eigen()));
  std::vector<double> ridges;
  for (std::int64_t k = 0; k < kTimes; ++k) {
    times.push_back(first * std::pow(last / first, static_cast<double>(k) / (kTimes - 1)));
    ridges.push_back(count / times.back());
  }
  const Matrix<double> clean_modes = modes_of(problem.eigen(), study.y);
  const Matrix<double> noise_modes = modes_of(problem.eigen(), noisy.noise);
  const Path flowing = problem.flow(noisy.y, times, progress);
  const Path ridged = problem.ridge(noisy.y, ridges, progress);
  const Path clean = problem.flow(study.y, times, progress);
  const std::size_t best = flowing.best();
  const std::size_t best_ridge = ridged.best();

  std::vector<double> learned;
  std::vector<double> learned_noise;
  std::vector<double> learned_modes;
  std::vector<double> g(static_cast<std::size_t>(n));
  std::vector<double> at_best;
  for (const double t : times) {
    std::transform(lambda.begin(), lambda.end(), g.begin(),
                   [&](double value) { return problem.learned(value, t); });
    const std::vector<double> by_class = learned_energy(clean_modes, g);
    learned.insert(learned.end(), by_class.begin(), by_class.end());
    learned_noise.push_back(learned_total(noise_modes, g));
    learned_modes.push_back(std::inner_product(g.begin(), g.end(), g.begin(), 0.0) / count);
    if (t == times[best]) {
      at_best = g;
    }
  }

  StudyResult result;
  result.axes = {{kTimeAxis, "time of training; also N over the ridge", times},
                 {kClassAxis, "class", numbers(0, classes)}};
  const auto by_time = [&](const std::string& name, const char* long_name,
                           const std::vector<double>& values) {
    result.data.push_back({{"/experiment/" + name, long_name, "1", {kTimes}, {kTimeAxis}}, values});
  };
  by_time("train_loss", "1/2 mean |f - y|^2 on the noisy training labels", flowing.train_loss);
  by_time("test_loss", "1/2 mean |f - y|^2 on the test samples", flowing.test_loss);
  by_time("test_accuracy", "fraction of test samples classified rightly", flowing.test_accuracy);
  by_time("ridge_train_loss", "train_loss of training for ever with ridge N/t", ridged.train_loss);
  by_time("ridge_test_loss", "test_loss of training for ever with ridge N/t", ridged.test_loss);
  by_time("ridge_test_accuracy", "test_accuracy of training for ever with ridge N/t",
          ridged.test_accuracy);
  by_time("clean_test_loss", "test_loss after training on the right labels", clean.test_loss);
  by_time("clean_test_accuracy", "test_accuracy after training on the right labels",
          clean.test_accuracy);
  by_time("learned_noise", "fraction of the energy of the label noise that is learned",
          learned_noise);
  by_time("learned_modes", "mean over modes of (1 - e^(-t lambda))^2", learned_modes);
  result.data.push_back({{"/experiment/learned",
                          "fraction of the energy of each class's right targets that is learned, "
                          "sum_i E_i (1 - e^(-t lambda_i))^2 / sum_i E_i",
                          "1",
                          {kTimes, classes},
                          {kTimeAxis, kClassAxis}},
                         learned});
  const double best_loss = flowing.test_loss[best];
  const auto converged = static_cast<double>(
      std::count_if(at_best.begin(), at_best.end(), [](double part) { return part > 0.5; }));
  result.attributes = {{kTimeAxis, "best_time", times[best]},
                       {kTimeAxis, "best_ridge", ridges[best_ridge]},
                       {kTimeAxis, "changed_labels", noisy.changed},
                       {kTimeAxis, "modes_more_than_half_learned_at_best_time", converged}};

  const double* at_best_by_class = learned.data() + static_cast<std::ptrdiff_t>(best) * classes;
  std::string fractions;
  for (std::int64_t j = 0; j < classes; ++j) {
    fractions += fmt::format(" {:.2f}", at_best_by_class[j]);
  }
  result.lines = {
      fmt::format("{} of {} training labels changed; the best time and the best ridge are chosen "
                  "on the test set, as no one can who does not know it",
                  noisy.changed, n),
      fmt::format("best time {:.4g}: test loss {:.4f}, accuracy {:.4f}; for ever: {:.4f}, {:.4f}",
                  times[best], best_loss, flowing.test_accuracy[best], flowing.test_loss.back(),
                  flowing.test_accuracy.back()),
      fmt::format("best ridge {:.4g} = N / {:.4g}: test loss {:.4f}, accuracy {:.4f}",
                  ridges[best_ridge], times[best_ridge], ridged.test_loss[best_ridge],
                  ridged.test_accuracy[best_ridge]),
      fmt::format("at the best time {:.0f} of {} modes are more than half learned; of the energy "
                  "of each class{}; of that of the noise {:.2f}",
                  converged, n, fractions, learned_noise[best]),
      fmt::format("right labels: test loss {:.4f} at its best, {:.4f} for ever",
                  clean.test_loss[clean.best()], clean.test_loss.back())};

  if (noisy.changed > 0) {
    const std::vector<double> gains = flowing.gains();
    const double margin = margin_of(gains);
    result.claims.push_back(within("test loss after training for ever less that at the best time",
                                   mean(gains), margin,
                                   std::max(margin, flowing.test_loss.back())));
    // Ali, Kolter, Tibshirani (2019), theorem 3: of a random linear model the best time has up to
    // 1.22 times the risk of the best ridge. One problem may favour either.
    constexpr double kInflation = 1.22;
    result.claims.push_back(within("test loss at the best time over that at the best ridge",
                                   best_loss / ridged.test_loss[best_ridge], 1.0 / kInflation,
                                   kInflation));
    // Wrong labels are independent of the samples, so that their energy is the same in each mode
    // but for chance: some chi squared of C - 1 degrees of freedom. Five standard errors.
    const double mean_square = learned_modes[best];
    double spread = 0.0;
    for (const double part : at_best) {
      spread += (part * part - mean_square) * (part * part - mean_square);
    }
    result.claims.push_back(
        {"fraction of the energy of the label noise that is learned at the best time",
         learned_noise[best], mean_square,
         5.0 * std::sqrt(2.0 * spread / static_cast<double>(classes - 1)) / count});
  }
  // Right labels have nothing to unlearn: what test samples tell by chance.
  const std::vector<double> gains = clean.gains();
  result.claims.push_back(
      {"right labels: test loss after training for ever less that at the best "
       "time",
       mean(gains), 0.0, margin_of(gains)});
  return result;
}

}  // namespace ntkflow
