// The empirical tangent kernel of networks of growing width, at the start and after training,
// beside its limit. Ref: Jacot, Gabriel, Hongler (2018), section 6.1 and figure 1.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/finite/tangent.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"
#include "width_powers.hpp"

namespace ntkflow {

namespace {

enum Moment : std::int64_t { kStart = 0, kEnd = 1 };

/// Kernels of all networks between the anchor (1, 0) and the points of the circle, [draws of all
/// widths x 2 moments x points].
class Curves {
 public:
  Curves(DrawTable& table, std::int64_t points) : table_(&table), points_(points) {}

  /// Of one point at one moment, over the draws of a width.
  [[nodiscard]] std::vector<double> at(std::size_t width, Moment moment, std::int64_t point) const {
    return table_->across_draws(width, moment * points_ + point);
  }

 private:
  DrawTable* table_;
  std::int64_t points_;
};

/// Root mean square over points of the standard deviation over draws.
double spread(const Curves& curves, std::size_t width, Moment moment, std::int64_t points) {
  std::vector<double> deviations;
  for (std::int64_t point = 0; point < points; ++point) {
    deviations.push_back(standard_deviation(curves.at(width, moment, point)));
  }
  return root_mean_square(deviations);
}

/// Root mean square over draws and points of how far the kernel moved.
double drift(const Curves& curves, std::size_t width, std::int64_t points) {
  std::vector<double> moved;
  for (std::int64_t point = 0; point < points; ++point) {
    const auto before = curves.at(width, kStart, point);
    const auto after = curves.at(width, kEnd, point);
    for (std::size_t draw = 0; draw < before.size(); ++draw) {
      moved.push_back(after[draw] - before[draw]);
    }
  }
  return root_mean_square(moved);
}

/// The largest distance of the draws' mean at the start from the limit, in standard errors.
double largest_deviation(const Curves& curves, std::size_t width,
                         const std::vector<double>& limit) {
  double largest = 0.0;
  for (std::size_t point = 0; point < limit.size(); ++point) {
    const auto values = curves.at(width, kStart, static_cast<std::int64_t>(point));
    const double error = standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
    const double distance = std::abs(mean(values) - limit[point]);
    if (distance > 0.0) {
      // Draws may be equal to rounding: few narrow networks whose units are all off.
      largest = std::max(
          largest, distance / std::max(error, std::numeric_limits<double>::epsilon() * distance));
    }
  }
  return largest;
}

}  // namespace

template <class Real>
StudyResult kernel_convergence(const Communicator& comm, const StudyProblem& problem,
                               Monitor& monitor) {
  const NetworkOptions& options = problem.options.network;
  const std::int64_t points = problem.options.points;
  const auto angle = angles(points, -std::numbers::pi, std::numbers::pi);
  const Matrix<double> circle = on_circle(angle);
  const Matrix<double> anchor = on_circle({0.0});
  const Matrix<double> between = prepared(comm, [&] {
    return whole(LimitingKernel(problem.architecture).between(KernelType::ntk, anchor, circle));
  });
  const std::vector<double> limit(between.data(), between.data() + points);

  DrawTable kernel = DrawTable::create(comm, options, 2 * points);
  DrawTable diverged = DrawTable::create(comm, options, 1);
  const Matrix<Real> x = rounded<Real>(problem.x);
  const Matrix<Real> circle_x = rounded<Real>(circle);
  const Matrix<Real> anchor_x = rounded<Real>(anchor);
  for_each_draw(comm, options, monitor, [&](const Draw& draw, Monitor& progress) {
    Network<Real> network(problem.architecture, {2, draw.width, 1}, draw.id);
    const auto record = [&](Moment moment) {
      const Tangent<Real> at_anchor(network, anchor_x.view());
      const Tangent<Real> at_circle(network, circle_x.view());
      const Matrix<double> values = at_anchor.kernel(at_circle);
      std::copy_n(values.data(), points, kernel.of(draw).begin() + moment * points);
    };
    record(kStart);
    train_draw<Real>(network, problem, x.view(), problem.y, draw, diverged, {}, progress);
    record(kEnd);
  });
  kernel.complete(comm);
  diverged.complete(comm);

  StudyResult result = start_result(options);
  const Curves curves(kernel, points);
  const double scale = root_mean_square(limit);
  std::vector<double> spreads;
  std::vector<double> drifts;
  for (std::size_t width = 0; width < options.widths.size(); ++width) {
    spreads.push_back(spread(curves, width, kStart, points) / scale);
    spreads.push_back(spread(curves, width, kEnd, points) / scale);
    drifts.push_back(drift(curves, width, points) / scale);
    result.lines.push_back(fmt::format(
        "width {:6}: relative spread of the kernel {:.4f} at the start, {:.4f} after training; "
        "drift {:.5f}",
        options.widths[width], spreads[2 * width], spreads[2 * width + 1], drifts[width]));
  }

  const auto networks = std::ssize(options.widths);
  result.axes.push_back(
      {"/experiment/angle", "angle of a point of the circle to the anchor (1, 0)", angle, "rad"});
  result.axes.push_back(
      {"/experiment/time", "time of training",
       std::vector<double>{0.0, options.learning_rate * static_cast<double>(options.steps)}});
  result.data.push_back({{"/experiment/kernel",
                          "tangent kernel of each network between anchor and point",
                          "1",
                          {networks, options.draws, 2, points},
                          {kWidthAxis, kDrawAxis, "/experiment/time", "/experiment/angle"}},
                         kernel.values()});
  result.data.push_back(
      {{"/experiment/limit", "limiting kernel", "1", {points}, {"/experiment/angle"}}, limit});
  result.data.push_back({{"/experiment/spread",
                          "standard deviation over draws, over the limit, root mean squares",
                          "1",
                          {networks, 2},
                          {kWidthAxis, "/experiment/time"}},
                         spreads});
  result.data.push_back({{"/experiment/drift",
                          "change of the kernel in training, over the limit, root mean squares",
                          "1",
                          {networks},
                          {kWidthAxis}},
                         drifts});
  result.diverged_at = divergence(diverged);

  const std::size_t widest = options.widths.size() - 1;
  if (options.draws >= kFewestDraws) {
    result.claims.push_back(
        {fmt::format(
             "mean kernel at the start, width {}: distance from the limit in standard errors",
             options.widths[widest]),
         largest_deviation(curves, widest, limit), 0.0, 5.0});
  } else {
    result.lines.push_back(few_draws_line());
  }
  if (options.widths.size() > 1) {
    const auto logs = log2_widths(options);
    const auto claim_power = [&](const char* what, double narrow, double wide, double expected,
                                 double tolerance) {
      const auto line =
          fit_power(std::vector{logs.front(), logs.back()}, std::vector{narrow, wide});
      if (line && tolerance >= std::abs(expected)) {
        result.lines.push_back(fmt::format(
            "no claim about the kernel's {}: so few networks of such widths would pass without a "
            "power of the width",
            what));
      } else if (line) {
        result.claims.push_back(
            {fmt::format("power of the width with which the kernel's {} falls", what), line->slope,
             expected, tolerance});
      } else {
        result.lines.push_back(fmt::format("no power of the width: the kernel has no {}", what));
      }
    };
    // The spread of few draws is itself uncertain: by 1/sqrt(2 (draws - 1)) at each end if all
    // points moved together.
    const double ratio =
        static_cast<double>(options.widths.back()) / static_cast<double>(options.widths.front());
    const double error = std::sqrt(1.0 / static_cast<double>(options.draws - 1)) / std::log(ratio);
    claim_power("spread", spreads.front(), spreads[2 * widest], -0.5, 3.0 * error);
    if (options.steps > 0) {
      claim_power("drift", drifts.front(), drifts.back(),
                  width_powers(problem.architecture.activation).kernel_drift, 0.25 + 3.0 * error);
    }
  }
  return result;
}

template StudyResult kernel_convergence<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult kernel_convergence<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
