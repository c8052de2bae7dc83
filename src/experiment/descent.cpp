// Double descent: the test error of ridge regression on P random features as P passes the number N
// of training samples, beside what the kernel of P = infinity makes of the same data; and that of
// finite networks as their width grows, beside the tangent kernel. Ref: Jacot, Simsek, Spadaro,
// Hongler, Gabriel (2020); Belkin, Hsu, Ma, Mandal (2019); Geiger et al. (2020).
#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dynamics/local_flow.hpp>
#include <ntkflow/finite/tangent.hpp>

#include "descent_claims.hpp"
#include "limiting_kernel.hpp"
#include "random_features.hpp"
#include "statistics.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

/// Without progress, which is that of the networks.
class Quiet : public Monitor {
 public:
  explicit Quiet(Monitor& outer) : outer_(&outer) {}
  void progress(std::int64_t /*done*/, std::int64_t /*total*/) override {}
  [[nodiscard]] bool stop_requested() const override { return outer_->stop_requested(); }
  void warning(const std::string& message) override { outer_->warning(message); }

 private:
  Monitor* outer_;
};

/// y plus noise, a function of the seed and the sample.
Matrix<double> noisy_targets(const StudyProblem& problem) {
  const RandomStream random(problem.options.network.seed, hash_text("ntkflow.experiment.descent"));
  Matrix<double> y = problem.y.clone();
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y.data()[i] += problem.options.descent.noise * random.normal(static_cast<std::uint64_t>(i));
  }
  return y;
}

/// The two limits: of random features the NNGP kernel, of networks the NTK.
struct Limits {
  explicit Limits(const StudyProblem& problem)
      : Limits(problem, LimitingKernel(problem.architecture)) {}
  Limits(const StudyProblem& problem, const LimitingKernel& limiting)
      : y(noisy_targets(problem)),
        features(whole(limiting.of(KernelType::nngp, problem.x)),
                 whole(limiting.between(KernelType::nngp, problem.x, problem.test_x)),
                 limiting.diagonal(KernelType::nngp, problem.test_x), y, problem.test_y),
        cross(whole(limiting.between(KernelType::ntk, problem.x, problem.test_x))),
        flow(whole(limiting.of(KernelType::ntk, problem.x)).view(), problem.x.cols()) {}

  Matrix<double> y;  ///< with noise
  GaussianFeatures features;
  Matrix<double> cross;
  LocalFlow flow;
};

/// What the last layer of a network reads at samples [d x M], with its scales, so that products are
/// sigma_w^2 / P sigma(z) . sigma(z') + sigma_b^2, and tend to the NNGP kernel: [(P + 1) x M].
template <class Real>
Matrix<double> last_features(const Network<Real>& network, MatrixView<const Real> samples) {
  const Tangent<Real> tangent(network, samples);
  const Matrix<Real>& read = tangent.inputs(network.depth() - 1);
  const double scale = network.weight_scale(network.depth() - 1);
  Matrix<double> features(read.rows() + 1, read.cols());
  for (std::int64_t j = 0; j < read.cols(); ++j) {
    for (std::int64_t i = 0; i < read.rows(); ++i) {
      features(i, j) = scale * static_cast<double>(read(i, j));
    }
    features(read.rows(), j) = network.bias_scale();
  }
  require_finite(features, "random features");
  return features;
}

double mean_square_distance(const double* f, const Matrix<double>& y) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < y.size(); ++i) {
    sum += (f[i] - y.data()[i]) * (f[i] - y.data()[i]);
  }
  return sum / static_cast<double>(y.size());
}

/// Test error of regression on the features of a network, for each ridge.
template <class Real>
std::vector<double> feature_errors(const StudyProblem& problem, const Limits& limits,
                                   std::span<const double> ridges, const Draw& draw) {
  const Network<Real> network(problem.architecture, {problem.x.rows(), draw.width, 1}, draw.id);
  const Matrix<Real> x = rounded<Real>(problem.x);
  const Matrix<Real> test_x = rounded<Real>(problem.test_x);
  const Matrix<double> f =
      regress_on_features(last_features<Real>(network, x.view()),
                          last_features<Real>(network, test_x.view()), limits.y, ridges);
  std::vector<double> errors;
  for (std::int64_t r = 0; r < f.cols(); ++r) {
    errors.push_back(mean_square_distance(f.column(r), problem.test_y));
  }
  return errors;
}

/// Test error of a network after training, and of the limiting flow from the same start over the
/// same time; 0 where it diverged.
template <class Real>
std::array<double, 2> network_errors(const StudyProblem& problem, const Limits& limits,
                                     const Draw& draw, DrawTable& diverged, Monitor& monitor) {
  const Matrix<Real> x = rounded<Real>(problem.x);
  const Matrix<Real> test_x = rounded<Real>(problem.test_x);
  Network<Real> network(problem.architecture, {problem.x.rows(), draw.width, 1}, draw.id);
  const Matrix<double> f0 = network.evaluate(x.view());
  const Matrix<double> f0_test = network.evaluate(test_x.view());
  const TrainingOutcome outcome =
      train_draw<Real>(network, problem, x.view(), limits.y, draw, diverged, {}, monitor);
  if (outcome.diverged_at >= 0) {
    return {0.0, 0.0};
  }
  const Matrix<double> limit =
      trained_under(limits.flow, limits.cross, problem.options.network, limits.y, f0, f0_test);
  return {mean_square_distance(network.evaluate(test_x.view()).data(), problem.test_y),
          mean_square_distance(limit.data(), problem.test_y)};
}

double standard_error(std::span<const double> values) {
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

void add_features(const StudyProblem& problem, const Limits& limits,
                  const std::vector<std::int64_t>& counts, DrawTable& table, StudyResult& result) {
  const DescentOptions& options = problem.options.descent;
  const std::int64_t n = problem.x.cols();
  const std::int64_t draws = problem.options.network.draws;
  const auto ridges = std::ssize(options.ridges);
  const char* count_axis = "/experiment/features";
  const char* ridge_axis = "/experiment/ridge";
  result.axes.push_back({count_axis, "random features P", counts});
  result.axes.push_back(
      {ridge_axis, "ridge over the mean diagonal of the limiting kernel", options.ridges});
  std::vector<double> per_sample;
  for (const std::int64_t count : counts) {
    per_sample.push_back(static_cast<double>(count) / static_cast<double>(n));
  }
  result.data.push_back({{"/experiment/features_per_sample",
                          "random features over training samples, P / N",
                          "1",
                          {std::ssize(counts)},
                          {count_axis}},
                         std::move(per_sample)});
  std::vector<double> all;
  std::vector<double> means;
  std::vector<double> errors;
  std::vector<double> theory;
  std::vector<double> effective;
  std::vector<double> limit;
  std::vector<DescentCurve> curves;
  for (std::int64_t r = 0; r < ridges; ++r) {
    const double ridge = options.ridges[static_cast<std::size_t>(r)] * limits.features.scale();
    DescentCurve curve;
    curve.limit = limits.features.kernel_error(ridge);
    for (std::size_t p = 0; p < counts.size(); ++p) {
      const std::vector<double> values = table.across_draws(p, r);
      all.insert(all.end(), values.begin(), values.end());
      curve.mean.push_back(mean(values));
      curve.error.push_back(standard_error(values));
      const double larger = limits.features.effective_ridge(ridge, counts[p]);
      curve.theory.push_back(limits.features.error(ridge, counts[p]));
      curve.variance.push_back(curve.theory.back() - limits.features.kernel_error(larger));
      effective.push_back(larger / limits.features.scale());
    }
    const auto top = std::max_element(curve.mean.begin(), curve.mean.end());
    result.lines.push_back(fmt::format(
        "ridge {:.3g}: error {:.4g} with {} features, {:.4g} at the peak with {}, {:.4g} with {}, "
        "{:.4g} of the kernel",
        options.ridges[static_cast<std::size_t>(r)], curve.mean.front(), counts.front(), *top,
        counts[static_cast<std::size_t>(top - curve.mean.begin())], curve.mean.back(),
        counts.back(), curve.limit));
    means.insert(means.end(), curve.mean.begin(), curve.mean.end());
    errors.insert(errors.end(), curve.error.begin(), curve.error.end());
    theory.insert(theory.end(), curve.theory.begin(), curve.theory.end());
    limit.push_back(curve.limit);
    curves.push_back(std::move(curve));
  }
  if (draws >= kFewestDraws) {
    result.claims.push_back(peak_claim(curves.front(), counts, n));
    result.claims.push_back(fall_claim(curves.front()));
    result.claims.push_back(limit_claim(curves.front()));
    result.claims.push_back(theory_claim(curves, counts, n));
    const auto largest = static_cast<std::size_t>(std::distance(
        options.ridges.begin(), std::max_element(options.ridges.begin(), options.ridges.end())));
    const auto claim = taken_away_claim(curves[largest], counts, n);
    if (options.ridges[largest] > options.ridges.front() && claim) {
      result.claims.push_back(*claim);
    }
  }
  const auto per_feature = std::ssize(counts);
  result.data.push_back({{"/experiment/feature_error",
                          "test error of each draw of random features, mean square",
                          "1",
                          {ridges, per_feature, draws},
                          {ridge_axis, count_axis, kDrawAxis}},
                         std::move(all)});
  const auto add = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back({{path, long_name, "1", {ridges, per_feature}, {ridge_axis, count_axis}},
                           std::move(values)});
  };
  add("/experiment/feature_error_mean", "mean over draws", std::move(means));
  add("/experiment/feature_error_standard_error", "of the mean over draws", std::move(errors));
  add("/experiment/theory_error", "expected test error of Gaussian features of the same kernel",
      std::move(theory));
  add("/experiment/effective_ridge",
      "ridge with which the kernel predicts the mean of Gaussian features, over its mean diagonal",
      std::move(effective));
  result.data.push_back({{"/experiment/kernel_error",
                          "test error of regression with the NNGP kernel",
                          "1",
                          {ridges},
                          {ridge_axis}},
                         std::move(limit)});
}

void add_networks(const StudyProblem& problem, DrawTable& table, StudyResult& result) {
  const NetworkOptions& options = problem.options.network;
  const auto widths = std::ssize(options.widths);
  std::vector<double> network_error;
  std::vector<double> limit_error;
  double first_gap = 0.0;
  double last_gap = 0.0;
  double last_error = 0.0;
  bool is_known = options.draws >= kFewestDraws && widths >= 2;
  for (std::size_t w = 0; w < options.widths.size(); ++w) {
    const std::vector<double> own = table.across_draws(w, 0);
    const std::vector<double> limit = table.across_draws(w, 1);
    network_error.insert(network_error.end(), own.begin(), own.end());
    limit_error.insert(limit_error.end(), limit.begin(), limit.end());
    std::vector<double> gap;
    std::vector<double> kept;
    for (std::size_t k = 0; k < own.size(); ++k) {
      if (result.diverged_at[w * own.size() + k] < 0) {
        kept.push_back(own[k]);
        gap.push_back(own[k] - limit[k]);
      }
    }
    is_known = is_known && std::ssize(kept) >= kFewestDraws;
    if (kept.empty()) {
      continue;
    }
    result.lines.push_back(fmt::format(
        "width {:>6}: error {:.4g} +- {:.2g} of networks, {:+.2g} +- {:.2g} from the "
        "tangent kernel's after as long a time",
        options.widths[w], mean(kept), standard_error(kept), mean(gap), standard_error(gap)));
    if (w == 0) {
      first_gap = mean(gap);
    }
    last_gap = mean(gap);
    last_error = standard_error(gap);
  }
  const auto add = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back({{path, long_name, "1", {widths, options.draws}, {kWidthAxis, kDrawAxis}},
                           std::move(values)});
  };
  add("/experiment/network_error", "test error of each network after training; 0: it diverged",
      std::move(network_error));
  add("/experiment/limit_error",
      "test error of the limiting flow from each network's start; 0: it diverged",
      std::move(limit_error));
  if (is_known) {
    result.claims.push_back(network_claim(last_gap, last_error, first_gap, options.widths.front(),
                                          options.widths.back()));
  }
}

}  // namespace

template <class Real>
StudyResult descent(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const NetworkOptions& options = problem.options.network;
  const Limits limits = prepared(comm, [&] { return Limits(problem); });
  std::vector<double> ridges = problem.options.descent.ridges;
  for (double& ridge : ridges) {
    ridge *= limits.features.scale();
  }
  // Features are those of networks of width P, so that each P has draws of its own.
  NetworkOptions features = options;
  features.widths = feature_counts(problem.options.descent.features, problem.x.cols());
  DrawTable feature_table = DrawTable::create(comm, features, std::ssize(ridges));
  Quiet quiet(monitor);
  for_each_draw(comm, features, quiet, [&](const Draw& draw, Monitor&) {
    const auto errors = feature_errors<Real>(problem, limits, ridges, draw);
    std::copy(errors.begin(), errors.end(), feature_table.of(draw).begin());
  });
  feature_table.complete(comm);
  DrawTable network_table = DrawTable::create(comm, options, 2);
  DrawTable diverged = DrawTable::create(comm, options, 1);
  for_each_draw(comm, options, monitor, [&](const Draw& draw, Monitor& progress) {
    const auto errors = network_errors<Real>(problem, limits, draw, diverged, progress);
    std::copy(errors.begin(), errors.end(), network_table.of(draw).begin());
  });
  network_table.complete(comm);
  diverged.complete(comm);

  StudyResult result = start_result(options);
  result.diverged_at = divergence(diverged);
  add_features(problem, limits, features.widths, feature_table, result);
  add_networks(problem, network_table, result);
  if (options.draws < kFewestDraws) {
    result.lines.push_back(few_draws_line());
  }
  return result;
}

template StudyResult descent<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult descent<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
