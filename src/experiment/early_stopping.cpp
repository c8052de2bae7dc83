// Training on labels of which some are wrong: the leading modes carry what the classes are, label
// noise is spread over all of them, so that there is a time at which to stop. Ref: Jacot, Gabriel,
// Hongler (2018), section 5.1; Ali, Kolter, Tibshirani (2019), section 5 (a time t acts as a ridge
// N/t).
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/dynamics/flow.hpp>
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

  [[nodiscard]] std::size_t best() const {
    return static_cast<std::size_t>(std::min_element(test_loss.begin(), test_loss.end()) -
                                    test_loss.begin());
  }
};

/// phi(lambda, t): coefficients of a mode with eigenvalue lambda of K over its target.
using Filter = std::function<double(double, double)>;

/// Kernel, eigensystem and test samples of the study.
class Problem {
 public:
  /// Collective over the kernels' grid.
  Problem(const StudyProblem& study, const LimitingKernel& limit, Monitor& monitor)
      : study_(&study),
        test_(limit.matrix(study.type, study.x, study.test_x)),
        eigen_(shared_eigensystem(limit.matrix(study.type, study.x, study.x), monitor)) {}

  [[nodiscard]] const EigenSystem<double>& eigen() const { return eigen_; }
  [[nodiscard]] std::int64_t size() const { return std::ssize(eigen_.values); }
  /// Eigenvalues of K, 0 in the null space.
  [[nodiscard]] double lambda(std::int64_t i) const {
    const double value = eigen_.values[static_cast<std::size_t>(i)];
    return value > rounding_level(eigen_) ? value : 0.0;
  }
  [[nodiscard]] double smallest_lambda() const {
    return *std::find_if(eigen_.values.begin(), eigen_.values.end(),
                         [&](double value) { return value > rounding_level(eigen_); });
  }
  /// What has been learned of mode i.
  [[nodiscard]] double learned(std::int64_t i, const Filter& filter, double t) const {
    const double value = lambda(i);
    return value > 0.0 ? value * filter(value, t) : 0.0;
  }

  /// Test outputs at some points of a path, C columns for each. Collective.
  [[nodiscard]] Matrix<double> predict(const Communicator& comm, const Matrix<double>& modes,
                                       const Filter& filter, std::span<const double> points,
                                       Monitor& monitor) const {
    const Matrix<double> weighted = prepared(comm, [&] {
      Matrix<double> all(modes.rows(), std::ssize(points) * modes.cols());
      for (std::int64_t k = 0; k < std::ssize(points); ++k) {
        for (std::int64_t i = 0; i < modes.rows(); ++i) {
          const double value = lambda(i);
          const double weight =
              value > 0.0 ? filter(value, points[static_cast<std::size_t>(k)]) : 0.0;
          for (std::int64_t j = 0; j < modes.cols(); ++j) {
            all(i, k * modes.cols() + j) = weight * modes(i, j);
          }
        }
      }
      return all;
    });
    return test_.multiply_transposed(from_modes(eigen_, weighted), monitor);
  }

  /// Losses along a path. Collective.
  /// @param modes  of the targets, [N x C]
  [[nodiscard]] Path follow(const Communicator& comm, const Matrix<double>& modes,
                            const Filter& filter, const std::vector<double>& points,
                            StudyProgress& progress) const {
    constexpr std::size_t kAtOnce = 16;
    Path path;
    for (std::size_t begin = 0; begin < points.size(); begin += kAtOnce) {
      stop_if_asked(comm, progress);
      progress.begin(1.0);
      const auto batch = std::span(points).subspan(begin, std::min(kAtOnce, points.size() - begin));
      const Matrix<double> outputs = predict(comm, modes, filter, batch, progress);
      for (std::size_t k = 0; k < batch.size(); ++k) {
        const auto f = outputs.view().block(0, static_cast<std::int64_t>(k) * modes.cols(),
                                            outputs.rows(), modes.cols());
        path.test_loss.push_back(flow_loss(f, study_->test_y.view()));
        path.test_accuracy.push_back(accuracy(f, study_->test_label));
        path.train_loss.push_back(train_loss(modes, filter, batch[k]));
      }
      progress.end();
    }
    return path;
  }

 private:
  [[nodiscard]] double train_loss(const Matrix<double>& modes, const Filter& filter,
                                  double t) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < modes.rows(); ++i) {
      const double left = 1.0 - learned(i, filter, t);
      for (std::int64_t j = 0; j < modes.cols(); ++j) {
        sum += left * left * modes(i, j) * modes(i, j);
      }
    }
    return sum / (2.0 * static_cast<double>(modes.rows()));
  }

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

/// Of each test sample 1/2 |f - y|^2 with the first outputs, less that with the second.
std::vector<double> loss_differences(const Matrix<double>& both, const Matrix<double>& y) {
  const std::int64_t outputs = y.cols();
  std::vector<double> result;
  for (std::int64_t i = 0; i < y.rows(); ++i) {
    double difference = 0.0;
    for (std::int64_t j = 0; j < outputs; ++j) {
      const double first = both(i, j) - y(i, j);
      const double second = both(i, outputs + j) - y(i, j);
      difference += (first * first - second * second) / 2.0;
    }
    result.push_back(difference);
  }
  return result;
}

}  // namespace

StudyCost early_stopping_cost(const ExperimentOptions&, const Architecture& architecture,
                              const DataShape& shape, int ranks) {
  const auto n = static_cast<double>(shape.train_size);
  const auto m = static_cast<double>(shape.test_size);
  const auto c = static_cast<double>(shape.outputs);
  constexpr double kBatches = 13.0;  // three paths in four, and the two that are compared
  StudyCost cost;
  // Targets, their modes and their parts; coefficients twice and outputs of a batch of 16.
  cost.bytes = samples_bytes(shape, architecture.activation, architecture.depth, ranks) +
               eigensystem_bytes(shape.train_size, ranks) +
               8.0 * c * (8.0 * n + 16.0 * (3.0 * n + 2.0 * m));
  cost.file_bytes = 8.0 * static_cast<double>(kTimes) * (12.0 + c);
  cost.flop = 9.0 * n * n * n + kBatches * 2.0 * n * m * static_cast<double>(shape.dimension) +
              3.0 * static_cast<double>(kTimes) * 2.0 * n * (n + m) * c;
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
  const Problem problem(study, shared_kernel(study.architecture, grid, n), monitor);
  const auto count = static_cast<double>(n);

  const Filter flow = [&](double lambda, double t) { return flow_filter(lambda, t, n); };
  const Filter ridge = [&](double lambda, double t) { return 1.0 / (lambda + count / t); };
  // From before anything is learned until all is.
  std::vector<double> times;
  const double first = 0.1 * count / problem.eigen().values.back();
  const double last = 30.0 * count / problem.smallest_lambda();
  for (std::int64_t k = 0; k < kTimes; ++k) {
    times.push_back(first * std::pow(last / first, static_cast<double>(k) / (kTimes - 1)));
  }
  const Matrix<double> noisy_modes = modes_of(problem.eigen(), noisy.y);
  const Matrix<double> clean_modes = modes_of(problem.eigen(), study.y);
  const Matrix<double> noise_modes = modes_of(problem.eigen(), noisy.noise);
  StudyProgress progress(monitor, 13.0);
  const Path flowing = problem.follow(comm, noisy_modes, flow, times, progress);
  const Path ridged = problem.follow(comm, noisy_modes, ridge, times, progress);
  const Path clean = problem.follow(comm, clean_modes, flow, times, progress);
  const std::size_t best = flowing.best();
  const std::size_t best_ridge = ridged.best();
  progress.begin(1.0);
  const std::vector<double> differences = loss_differences(
      problem.predict(comm, noisy_modes, flow, std::vector{times.back(), times[best]}, progress),
      study.test_y);
  progress.end();

  std::vector<double> learned;
  std::vector<double> learned_noise;
  std::vector<double> learned_modes;
  std::vector<double> g(static_cast<std::size_t>(n));
  std::vector<double> at_best;
  for (const double t : times) {
    for (std::int64_t i = 0; i < n; ++i) {
      g[static_cast<std::size_t>(i)] = problem.learned(i, flow, t);
    }
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
                       {kTimeAxis, "best_ridge", count / times[best_ridge]},
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
                  count / times[best_ridge], times[best_ridge], ridged.test_loss[best_ridge],
                  ridged.test_accuracy[best_ridge]),
      fmt::format("at the best time {:.0f} of {} modes are more than half learned; of the energy "
                  "of each class{}; of that of the noise {:.2f}",
                  converged, n, fractions, learned_noise[best]),
      fmt::format("right labels: test loss {:.4f} at its best, {:.4f} for ever",
                  clean.test_loss[clean.best()], clean.test_loss.back())};

  if (noisy.changed > 0) {
    // Five standard errors of the mean difference over the test samples.
    const double margin = 5.0 * standard_deviation(differences) /
                          std::sqrt(static_cast<double>(std::ssize(differences)));
    const double gain = mean(differences);
    result.claims.push_back(within("test loss after training for ever less that at the best time",
                                   gain, margin, std::max(margin, flowing.test_loss.back())));
    // As functions of t lambda the two filters are nowhere further apart than 0.21.
    constexpr double kRidgeAgreement = 0.05;
    result.claims.push_back({"test loss at the best ridge over that at the best time, less 1",
                             ridged.test_loss[best_ridge] / best_loss - 1.0, 0.0, kRidgeAgreement});
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
    result.claims.push_back(within("part of the slowest mode that is learned at the best time",
                                   at_best.front(), 0.0, 0.5));
  }
  // Right labels are learned to the end but for what numbers of test samples cannot tell.
  constexpr double kCleanGain = 0.01;
  result.claims.push_back(within("right labels: relative gain in test loss of stopping early",
                                 clean.test_loss.back() / clean.test_loss[clean.best()] - 1.0, 0.0,
                                 kCleanGain));
  return result;
}

}  // namespace ntkflow
