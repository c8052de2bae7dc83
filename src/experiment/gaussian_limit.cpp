// Networks trained on few points of the circle, beside the Gaussian law of f_t in the limit.
// Ref: Jacot, Gabriel, Hongler (2018), section 6.2 and figure 2; Lee et al. (2019), corollary 1.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dynamics/gaussian_flow.hpp>
#include <ntkflow/linalg/eigen.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

/// Where the law has less than this part of its standard deviation at initialisation, networks are
/// as good as determined, and their distribution says little. For an activation with kinks the
/// limit's mean has a cusp at each training point, which a network of width n rounds off over an
/// angle of order n^(-1/2), by which training moves its kinks: with 100 networks of width 1,000
/// their mean is 7 standard errors from the limit 0.05 rad from a training point, where the law has
/// 4 % of its first deviation, and 4 where it has a fifth.
constexpr double kDetermined = 0.2;

/// The limiting law of f_t over the points of the circle.
class LimitingLaw {
 public:
  LimitingLaw(const StudyProblem& problem, const Matrix<double>& points)
      : limit_(problem.architecture),
        flow_(eigensystem(problem), limit_.of(KernelType::nngp, problem.x), 0.0, problem.y),
        block_(flow_.block(0, limit_.between(KernelType::ntk, problem.x, points),
                           limit_.between(KernelType::nngp, problem.x, points),
                           limit_.diagonal(KernelType::nngp, points))) {}

  [[nodiscard]] GaussianLaw at(double t) const { return flow_.law(block_, t); }

 private:
  [[nodiscard]] EigenSystem<double> eigensystem(const StudyProblem& problem) const {
    auto outcome = diagonalise(limit_.of(KernelType::ntk, problem.x));
    if (std::holds_alternative<EigenFailure>(outcome)) {
      throw NumericalError("the limiting kernel of the training points has no eigensystem");
    }
    return std::move(std::get<EigenSystem<double>>(outcome));
  }

  LimitingKernel limit_;
  GaussianFlow flow_;
  GaussianFlow::Block block_;
};

/// How far an ensemble is from the law, in standard errors, over the points where the law leaves
/// networks free.
struct Distances {
  double quantile = 0.0;  ///< of the part of points below a quantile: the farthest level
  double mean = 0.0;      ///< at the farthest point
  double variance = 0.0;  ///< of the mean square of (f - mean) / deviation
  std::int64_t points = 0;
};

Distances distances(DrawTable& networks, std::size_t width, std::int64_t draws,
                    const GaussianLaw& law, const GaussianLaw& prior,
                    const std::vector<double>& levels) {
  Distances result;
  // Points of one network are not independent, networks are: each gives one number to a mean over
  // networks, whose spread says how well the mean is known.
  std::vector<double> squares(static_cast<std::size_t>(draws));
  std::vector<std::vector<double>> below(levels.size(), squares);
  for (std::size_t point = 0; point < law.variance.size(); ++point) {
    const double deviation = std::sqrt(law.variance[point]);
    if (!(deviation > kDetermined * std::sqrt(prior.variance[point]))) {
      continue;
    }
    ++result.points;
    double sum = 0.0;
    for (std::size_t draw = 0; draw < squares.size(); ++draw) {
      const double z =
          (networks.of(width, static_cast<std::int64_t>(draw))[point] - law.mean.data()[point]) /
          deviation;
      sum += z;
      squares[draw] += z * z;
      for (std::size_t level = 0; level < levels.size(); ++level) {
        below[level][draw] += z < normal_quantile(levels[level]) ? 1.0 : 0.0;
      }
    }
    result.mean = std::max(result.mean, std::abs(sum) / std::sqrt(static_cast<double>(draws)));
  }
  if (result.points > 0) {
    const auto points = static_cast<double>(result.points);
    result.variance = distance_in_errors(squares, points);
    for (std::size_t level = 0; level < levels.size(); ++level) {
      result.quantile =
          std::max(result.quantile, distance_in_errors(below[level], points * levels[level]));
    }
  }
  return result;
}

void check_on_circle(const Matrix<double>& x) {
  constexpr double kTolerance = 1e-6;
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    const double norm = std::hypot(x(0, i), x(1, i));
    if (!(std::abs(norm - 1.0) <= kTolerance)) {
      throw DataError(
          fmt::format("gaussian-limit looks at functions on the unit circle, and training sample "
                      "{} lies off it, |x| = {:.6g}; use data.kind = \"circle\" or \"sphere\", or "
                      "preprocess = [\"unit_norm\"]",
                      i, norm));
    }
  }
}

}  // namespace

template <class Real>
StudyResult gaussian_limit(const Communicator& comm, const StudyProblem& problem,
                           Monitor& monitor) {
  check_on_circle(problem.x);
  const NetworkOptions& options = problem.options.network;
  const std::vector<double>& levels = problem.options.quantiles;
  const std::int64_t points = problem.options.points;
  const auto angle = angles(points, -std::numbers::pi, std::numbers::pi);
  const Matrix<double> circle = on_circle(angle);
  const LimitingLaw limit = prepared(comm, [&] { return LimitingLaw(problem, circle); });
  const std::vector<double> limit_time{options.learning_rate * static_cast<double>(options.steps),
                                       std::numeric_limits<double>::infinity()};
  const GaussianLaw prior = limit.at(0.0);

  DrawTable before = DrawTable::create(comm, options, points);
  DrawTable after = DrawTable::create(comm, options, points);
  DrawTable diverged = DrawTable::create(comm, options, 1);
  const Matrix<Real> x = rounded<Real>(problem.x);
  const Matrix<Real> circle_x = rounded<Real>(circle);
  for_each_draw(comm, options, monitor, [&](const Draw& draw, Monitor& progress) {
    Network<Real> network(problem.architecture, {2, draw.width, 1}, draw.id);
    const auto record = [&](DrawTable& table) {
      const Matrix<double> f = network.evaluate(circle_x.view());
      std::copy_n(f.data(), points, table.of(draw).begin());
    };
    record(before);
    train_draw<Real>(network, problem, x.view(), problem.y, draw, diverged, {}, progress);
    record(after);
  });
  before.complete(comm);
  after.complete(comm);
  diverged.complete(comm);

  StudyResult result = start_result(options);
  result.diverged_at = divergence(diverged);
  std::vector<double> means;
  std::vector<double> variances;
  std::vector<double> quantiles;
  std::vector<GaussianLaw> laws;
  for (const double t : limit_time) {
    const GaussianLaw& law = laws.emplace_back(limit.at(t));
    means.insert(means.end(), law.mean.data(), law.mean.data() + points);
    variances.insert(variances.end(), law.variance.begin(), law.variance.end());
    for (const double level : levels) {
      for (std::size_t point = 0; point < angle.size(); ++point) {
        quantiles.push_back(law.mean.data()[point] +
                            normal_quantile(level) * std::sqrt(law.variance[point]));
      }
    }
  }
  Distances widest;
  for (std::size_t width = 0; width < options.widths.size(); ++width) {
    widest = distances(after, width, options.draws, laws.front(), prior, levels);
    result.lines.push_back(fmt::format(
        "width {:6}: distance from the limit at t = {}, in standard errors: quantiles {:.2f}, mean "
        "{:.2f}, variance {:.2f}",
        options.widths[width], limit_time.front(), widest.quantile, widest.mean, widest.variance));
  }

  const auto widths = std::ssize(options.widths);
  const auto level_count = std::ssize(levels);
  const std::int64_t n = problem.x.cols();
  const char* angle_axis = "/experiment/angle";
  const char* time_axis = "/experiment/limit_time";
  result.axes.push_back({angle_axis, "angle of a point of the circle", angle, "rad"});
  result.axes.push_back({time_axis, "time of training in the limit", limit_time});
  result.axes.push_back({"/experiment/quantile_level", "probability below the quantile", levels});
  std::vector<double> train_angle;
  for (std::int64_t i = 0; i < n; ++i) {
    train_angle.push_back(std::atan2(problem.x(1, i), problem.x(0, i)));
  }
  const char* train_axis = "/experiment/train_point";
  result.axes.push_back({train_axis, "training point", numbers(0, n)});
  const auto add = [&](const char* path, const char* long_name, std::vector<std::int64_t> shape,
                       std::vector<std::string> axes, std::vector<double> values) {
    result.data.push_back(
        {{path, long_name, "1", std::move(shape), std::move(axes)}, std::move(values)});
  };
  add("/experiment/network", "each network after training", {widths, options.draws, points},
      {kWidthAxis, kDrawAxis, angle_axis}, after.values());
  add("/experiment/network_initial", "each network before training",
      {widths, options.draws, points}, {kWidthAxis, kDrawAxis, angle_axis}, before.values());
  add("/experiment/mean", "mean of the limiting Gaussian", {2, points}, {time_axis, angle_axis},
      means);
  add("/experiment/variance", "variance of the limiting Gaussian", {2, points},
      {time_axis, angle_axis}, variances);
  add("/experiment/quantile", "quantiles of the limiting Gaussian", {2, level_count, points},
      {time_axis, "/experiment/quantile_level", angle_axis}, quantiles);
  add("/experiment/train_angle", "angle of each training point", {n}, {train_axis}, train_angle);
  add("/experiment/train_target", "target at each training point", {n}, {train_axis},
      {problem.y.data(), problem.y.data() + n});

  if (widest.points == 0) {
    result.lines.emplace_back("no claim: the law leaves networks no freedom at any point");
  } else if (options.draws < kFewestDraws) {
    result.lines.push_back(few_draws_line());
  } else {
    const auto claim = [&](const char* what, double value) {
      result.claims.push_back(
          {fmt::format("{} of the networks of width {}: distance from the limit in standard errors",
                       what, options.widths.back()),
           value, 0.0, 5.0});
    };
    claim("quantiles", widest.quantile);
    claim("mean", widest.mean);
    claim("variance", widest.variance);
  }
  return result;
}

template StudyResult gaussian_limit<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult gaussian_limit<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
