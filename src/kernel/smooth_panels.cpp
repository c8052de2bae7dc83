#include "smooth_panels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <sstream>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

constexpr int kNodes = Panel::kNodes;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

/// cos(k pi (j + 1/2) / n): Chebyshev polynomial k at node j; row 1 holds the nodes.
const std::array<std::array<double, kNodes>, kNodes>& chebyshev_matrix() {
  static const auto matrix = [] {
    std::array<std::array<double, kNodes>, kNodes> values{};
    for (int k = 0; k < kNodes; ++k) {
      for (int j = 0; j < kNodes; ++j) {
        // Reduced by whole turns in integers, so that the angle is rounded only once.
        const int quarter_steps = k * (2 * j + 1) % (4 * kNodes);
        values[k][j] = std::cos(std::numbers::pi * quarter_steps / (2 * kNodes));
      }
    }
    return values;
  }();
  return matrix;
}

struct Fit {
  std::array<double, kNodes> coefficients{};
  double largest = 0.0;    ///< |s| at the nodes
  double variation = 0.0;  ///< largest less smallest s
  double culprit = 0.0;    ///< where s is not finite
  bool is_finite = true;
};

double to_panel(double lowest, double highest, double t) {
  return 0.5 * ((1.0 - t) * lowest + (1.0 + t) * highest);
}

Fit fit(const ScalarFunction& s, double lowest, double highest) {
  const auto& matrix = chebyshev_matrix();
  Fit result;
  std::array<double, kNodes> values{};
  for (int j = 0; j < kNodes; ++j) {
    const double x = to_panel(lowest, highest, matrix[1][j]);
    values[j] = s(x);
    if (!std::isfinite(values[j])) {
      result.is_finite = false;
      result.culprit = x;
      return result;
    }
    result.largest = std::max(result.largest, std::abs(values[j]));
  }
  const auto [smallest, greatest] = std::minmax_element(values.begin(), values.end());
  result.variation = *greatest - *smallest;
  for (int k = 0; k < kNodes; ++k) {
    double sum = 0.0;
    for (int j = 0; j < kNodes; ++j) {
      sum += matrix[k][j] * values[j];
    }
    result.coefficients[k] = (k == 0 ? 1.0 : 2.0) / kNodes * sum;
  }
  return result;
}

double clenshaw(std::span<const double> coefficients, double t) {
  double next = 0.0;
  double after = 0.0;
  for (std::size_t k = coefficients.size(); k-- > 1;) {
    const double current = coefficients[k] + 2.0 * t * next - after;
    after = next;
    next = current;
  }
  return coefficients.empty() ? 0.0 : coefficients[0] + t * next - after;
}

bool is_resolved(const ScalarFunction& s, double lowest, double highest, const Fit& fitted,
                 double scale) {
  // What an error of half an ulp in x does to s, on a panel where s varies that much.
  const double magnitude = std::max(std::abs(lowest), std::abs(highest));
  const double blur = 4.0 * kEpsilon * magnitude * fitted.variation / (highest - lowest);
  const double tolerance = SmoothPanels::kTolerance * std::max(scale, fitted.largest) + blur;
  for (int k = kNodes - 4; k < kNodes; ++k) {
    if (!(std::abs(fitted.coefficients[k]) <= tolerance)) {
      return false;
    }
  }
  // Points off the nodes catch what the nodes alias to a low degree.
  for (const double t : {-0.93, -0.41, 0.0731, 0.577, 0.979}) {
    const double error =
        s(to_panel(lowest, highest, t)) - clenshaw(std::span(fitted.coefficients), t);
    if (!(std::abs(error) <= 4.0 * tolerance)) {
      return false;
    }
  }
  return true;
}

Panel make_panel(double lowest, double highest, const Fit& fitted, double scale) {
  Panel panel;
  panel.lowest = lowest;
  panel.highest = highest;
  panel.scale = std::max(scale, fitted.largest);
  panel.value = fitted.coefficients;
  panel.terms = kNodes;
  while (panel.terms > 1 && std::abs(panel.value[panel.terms - 1]) <= kEpsilon * fitted.largest) {
    --panel.terms;
  }
  // d T_n = 2 n (T_(n-1) + T_(n-3) + ...), the last of them halved if it is T_0.
  const double slope = 2.0 / (highest - lowest);
  for (int k = panel.terms - 1; k >= 1; --k) {
    const double above = k + 1 < kNodes ? panel.derivative[k + 1] : 0.0;
    panel.derivative[k - 1] = above + 2.0 * k * slope * panel.value[k];
  }
  panel.derivative[0] *= 0.5;
  return panel;
}

/// Where a side's starting cells end: about 1 wide near 0, then wider in proportion. No likely kink
/// is among these numbers, nor among their bisections.
double next_cell_end(double distance) {
  return distance + std::max(1.1371, 0.4173 * distance);
}

constexpr double kFirstRight = 0.5573;
constexpr double kFirstLeft = 0.6119;
constexpr double kFarthest = 1e6;

enum class Outwards { right, left };

/// Cuts cells into panels.
class Cutter {
 public:
  Cutter(const ScalarFunction& s, const std::vector<double>& kinks) : s_(s), kinks_(kinks) {}

  /// The panels between two points from the inner to the outer end, or none if s does not allow it.
  /// `scale` is the largest magnitude of s nearer to 0.
  std::vector<Panel> cut_cell(double lowest, double highest, Outwards outwards, double scale) {
    left_ = kMostPanels;
    // Beside zeros only, every error would be large.
    scale_ = scale > 0.0 ? scale : fit(s_, lowest, highest).largest;
    outwards_ = outwards;
    std::vector<double> ends{lowest};
    for (const double kink : kinks_) {
      if (kink > lowest && kink < highest) {
        ends.push_back(kink);
      }
    }
    ends.push_back(highest);
    const std::size_t pieces = ends.size() - 1;
    std::vector<Panel> panels;
    for (std::size_t i = 0; i < pieces; ++i) {
      const std::size_t piece = outwards == Outwards::right ? i : pieces - 1 - i;
      if (!cut(ends[piece], ends[piece + 1], panels)) {
        return {};
      }
    }
    return panels;
  }

  /// The phrase for what failed last.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static constexpr int kMostPanels = 1024;  // of a cell
  static constexpr double kNarrowest = 1e-15;
  /// An error that is small beside the outer end must be small beside the inner end too.
  static constexpr double kMostGrowth = 64.0;

  bool cut(double lowest, double highest, std::vector<Panel>& panels) {
    const Fit fitted = fit(s_, lowest, highest);
    std::ostringstream problem;
    if (!fitted.is_finite) {
      problem << "is " << (std::isnan(s_(fitted.culprit)) ? "undefined" : "infinite")
              << " at x = " << fitted.culprit << ", where an activation must have a value";
      problem_ = problem.str();
      return false;
    }
    // Below this width the nodes of a panel are too few different numbers.
    const double narrowest =
        std::max(32.0 * kEpsilon * std::max(std::abs(lowest), std::abs(highest)), kNarrowest);
    const bool resolves = !(scale_ > 0.0 && fitted.largest > kMostGrowth * scale_) &&
                          is_resolved(s_, lowest, highest, fitted, scale_);
    if (resolves || highest - lowest <= narrowest) {
      if (--left_ < 0) {
        problem << "is too rough, noisy or fast to be resolved near x = " << lowest;
        problem_ = problem.str();
        return false;
      }
      panels.push_back(make_panel(lowest, highest, fitted, scale_));
      panels.back().is_resolved = resolves;
      scale_ = panels.back().scale;
      return true;
    }
    const double middle = lowest + 0.5 * (highest - lowest);
    return outwards_ == Outwards::right
               ? cut(lowest, middle, panels) && cut(middle, highest, panels)
               : cut(middle, highest, panels) && cut(lowest, middle, panels);
  }

  const ScalarFunction& s_;
  const std::vector<double>& kinks_;
  double scale_ = 0.0;
  Outwards outwards_ = Outwards::right;
  int left_ = 0;
  std::string problem_;
};

/// One side of the line, cut cell after cell.
struct Side {
  Outwards outwards;
  double end;  ///< the distance from 0 reached
  std::vector<Panel> panels{};
  bool goes_on = true;

  /// Adds the next cell, or the part of it where s is finite. Throws ConfigError if there is none
  /// and |x| <= kTested is not reached.
  void advance(Cutter& cutter, double scale) {
    if (!goes_on) {
      return;
    }
    const double start = end;
    double width = next_cell_end(start) - start;
    for (int attempt = 0; attempt < 6; ++attempt, width *= 0.5) {
      const double far_end = start + width;
      const auto cell = outwards == Outwards::right
                            ? cutter.cut_cell(start, far_end, outwards, scale)
                            : cutter.cut_cell(-far_end, -start, outwards, scale);
      if (!cell.empty()) {
        panels.insert(panels.end(), cell.begin(), cell.end());
        end = far_end;
        goes_on = attempt == 0 && end < kFarthest;
        break;
      }
      goes_on = false;
    }
    if (!goes_on && end < SmoothPanels::kTested) {
      throw ConfigError(cutter.problem());
    }
  }
};

}  // namespace

Jet Panel::operator()(double x) const {
  const double t = 2.0 * ((x - lowest) / (highest - lowest)) - 1.0;
  const double twice = 2.0 * t;
  double next = 0.0;
  double after = 0.0;
  double next_slope = 0.0;
  double after_slope = 0.0;
  for (int k = terms; k-- > 1;) {
    const double current = value[k] + twice * next - after;
    const double current_slope = derivative[k] + twice * next_slope - after_slope;
    after = next;
    next = current;
    after_slope = next_slope;
    next_slope = current_slope;
  }
  return {value[0] + t * next - after, derivative[0] + t * next_slope - after_slope};
}

bool is_resolved(const ScalarFunction& s, double lowest, double highest, double scale) {
  const Fit fitted = fit(s, lowest, highest);
  return fitted.is_finite && is_resolved(s, lowest, highest, fitted, scale);
}

SmoothPanels::SmoothPanels(const ScalarFunction& s, const std::vector<double>& kinks) {
  Cutter cutter(s, kinks);
  const auto center = cutter.cut_cell(-kFirstLeft, kFirstRight, Outwards::right,
                                      fit(s, -kFirstLeft, kFirstRight).largest);
  if (center.empty()) {
    throw ConfigError(cutter.problem());
  }
  Side right{Outwards::right, kFirstRight};
  Side left{Outwards::left, kFirstLeft};
  double scale = center.back().scale;
  while (right.goes_on || left.goes_on) {
    right.advance(cutter, scale);
    left.advance(cutter, scale);
    for (const Side* side : {&right, &left}) {
      scale = side->panels.empty() ? scale : std::max(scale, side->panels.back().scale);
    }
  }
  panels_.assign(left.panels.rbegin(), left.panels.rend());
  panels_.insert(panels_.end(), center.begin(), center.end());
  panels_.insert(panels_.end(), right.panels.begin(), right.panels.end());
  join(s, kinks);
}

void SmoothPanels::join(const ScalarFunction& s, const std::vector<double>& kinks) {
  // Joined panels must not hide a feature that is small beside the largest value there.
  constexpr double kMostGrowth = 8.0;
  const auto can_join = [&](double lowest, double highest, double edge, double scale,
                            double largest) {
    return largest <= kMostGrowth * scale &&
           !std::binary_search(kinks.begin(), kinks.end(), edge) &&
           is_resolved(s, lowest, highest, scale);
  };
  const auto origin = static_cast<std::size_t>(
      std::upper_bound(panels_.begin(), panels_.end(), 0.0,
                       [](double x, const Panel& panel) { return x < panel.lowest; }) -
      panels_.begin() - 1);
  cuts_.push_back(panels_[origin].lowest);
  std::size_t first = origin;
  for (std::size_t i = origin + 1; i < panels_.size(); ++i) {
    const double edge = panels_[i].lowest;
    if (!can_join(panels_[first].lowest, panels_[i].highest, edge, panels_[first].scale,
                  panels_[i].scale)) {
      cuts_.push_back(edge);
      first = i;
    }
  }
  cuts_.push_back(panels_.back().highest);
  first = origin;
  for (std::size_t i = origin; i-- > 0;) {
    const double edge = panels_[i].highest;
    if (first == origin || !can_join(panels_[i].lowest, panels_[first].highest, edge,
                                     panels_[first].scale, panels_[i].scale)) {
      cuts_.push_back(edge);
      first = i;
    }
  }
  cuts_.push_back(panels_.front().lowest);
  std::sort(cuts_.begin(), cuts_.end());
  cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
}

const Panel* SmoothPanels::find(double x) const {
  if (!(x >= panels_.front().lowest && x <= panels_.back().highest)) {
    return nullptr;
  }
  const auto after =
      std::upper_bound(panels_.begin() + 1, panels_.end(), x,
                       [](double at, const Panel& panel) { return at < panel.lowest; });
  return &*(after - 1);
}

Jet SmoothPanels::operator()(double x) const {
  constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();
  const Panel* panel = find(x);
  return panel == nullptr ? Jet{kNowhere, kNowhere} : (*panel)(x);
}

double SmoothPanels::scale(double x) const {
  const Panel* panel = find(x);
  return panel == nullptr ? 0.0 : panel->scale;
}

}  // namespace ntkflow
