#include "kinks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

std::string to_text(double x) {
  std::ostringstream text;
  text.precision(15);
  text << x;
  return text.str();
}

/// The number with the fewest decimals between two others if they are few enough to be meant, else
/// the middle.
double likeliest_between(double lowest, double highest) {
  if (lowest <= 0.0 && highest >= 0.0) {
    return 0.0;
  }
  const double middle = lowest + 0.5 * (highest - lowest);
  constexpr int kMostDecimals = 4;
  double power = 1.0;
  for (int decimals = 0; decimals <= kMostDecimals; ++decimals, power *= 10.0) {
    const double rounded = std::round(middle * power) / power;
    if (rounded >= lowest && rounded <= highest) {
      return rounded;
    }
  }
  return middle;
}

/// Whether s is smooth over `width` (to the left if negative) beside a point. The value at the
/// point itself, which may belong to the other side, does not matter: no node is so near to it.
bool is_resolved_beside(const ScalarFunction& s, double kink, double width, double scale) {
  return is_resolved(s, std::min(kink, kink + width), std::max(kink, kink + width), scale);
}

/// Whether s is smooth on either side of a point over `width`, yet not across the point.
bool is_kink(const ScalarFunction& s, double x, double width, double scale) {
  return is_resolved_beside(s, x, -width, scale) && is_resolved_beside(s, x, width, scale) &&
         !is_resolved(s, x - 0.25 * width, x + 0.25 * width, scale);
}

/// Runs of panels much narrower than their surroundings, where bisection met a kink.
struct Suspect {
  double lowest;
  double highest;
  double scale;
};

std::vector<Suspect> find_suspects(const SmoothPanels& panels) {
  const std::vector<Panel>& all = panels.panels();
  const auto width = [&](std::size_t i) { return all[i].highest - all[i].lowest; };
  std::vector<Suspect> suspects;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i + 1;
    while (end < all.size() && width(end) <= 1.5 * width(i) && width(end) >= width(i) / 1.5) {
      ++end;
    }
    const bool is_lowest =
        (i == 0 || width(i - 1) > width(i)) && (end == all.size() || width(end) > width(i));
    const double distance = std::max(std::abs(all[i].lowest), std::abs(all[i].highest));
    if (is_lowest && end - i <= 4 && width(i) < 2e-2 * std::max(1.0, distance)) {
      suspects.push_back({all[i].lowest, all[end - 1].highest, all[i].scale});
    }
    i = end;
  }
  return suspects;
}

/// The end of the points between two beside which s is smooth on the side of `width`, if it is
/// beside the first of them.
double last_resolved_beside(const ScalarFunction& s, double first, double last, double width,
                            double scale) {
  for (int step = 0; step < 60; ++step) {
    const double middle = first + 0.5 * (last - first);
    (is_resolved_beside(s, middle, width, scale) ? first : last) = middle;
  }
  return first;
}

/// The kink that made bisection go on between two points, if there is one: cut there, s is smooth
/// on both sides to rounding.
std::optional<double> locate(const ScalarFunction& s, const Suspect& suspect) {
  const double magnitude = std::max(std::abs(suspect.lowest), std::abs(suspect.highest));
  const double margin = std::max(suspect.highest - suspect.lowest, 16.0 * kEpsilon * magnitude);
  const double lowest = suspect.lowest - margin;
  const double highest = suspect.highest + margin;
  for (const double beside : {64.0, 16.0}) {
    const double width = beside * margin;
    const double from_left = last_resolved_beside(s, lowest, highest, -width, suspect.scale);
    const double from_right = last_resolved_beside(s, highest, lowest, width, suspect.scale);
    const double kink =
        likeliest_between(std::min(from_left, from_right), std::max(from_left, from_right));
    if (is_kink(s, kink, width, suspect.scale)) {
      return kink;
    }
  }
  return std::nullopt;
}

/// Kinks that cuts at the known ones leave. Throws ConfigError where bisection ended without one.
std::vector<double> find_further(const ScalarFunction& s, const std::vector<double>& known) {
  const SmoothPanels panels(s, known);
  std::vector<double> found;
  for (const Suspect& suspect : find_suspects(panels)) {
    if (const auto kink = locate(s, suspect)) {
      found.push_back(*kink);
    }
  }
  const auto& all = panels.panels();
  const auto rough =
      std::find_if(all.begin(), all.end(), [](const Panel& panel) { return !panel.is_resolved; });
  if (found.empty() && rough != all.end()) {
    constexpr double kMargin = 1e-12;
    throw ConfigError(
        "is singular at x = " +
        to_text(likeliest_between(rough->lowest - kMargin, rough->highest + kMargin)) +
        ": it is not smooth on either side, as it would be beside a kink");
  }
  return found;
}

}  // namespace

std::vector<double> find_kinks(const ScalarFunction& s) {
  constexpr std::size_t kMost = 256;
  std::vector<double> kinks;
  for (int pass = 0; pass < 4; ++pass) {
    const std::vector<double> further = find_further(s, kinks);
    if (further.empty()) {
      break;
    }
    kinks.insert(kinks.end(), further.begin(), further.end());
    std::sort(kinks.begin(), kinks.end());
    kinks.erase(std::unique(kinks.begin(), kinks.end()), kinks.end());
    if (kinks.size() > kMost) {
      throw ConfigError("has more than " + std::to_string(kMost) + " kinks");
    }
  }
  return kinks;
}

void check_kinks(const ScalarFunction& s, const std::vector<double>& kinks) {
  const SmoothPanels panels(s, kinks);
  for (std::size_t i = 0; i < kinks.size(); ++i) {
    const double kink = kinks[i];
    if (!(kink > panels.panels().front().lowest && kink < panels.panels().back().highest)) {
      throw ConfigError("cannot be checked for a kink at " + to_text(kink) +
                        ": it is finite and smooth enough only between " +
                        to_text(panels.panels().front().lowest) + " and " +
                        to_text(panels.panels().back().highest));
    }
    double scale = std::max(std::abs(s(kink)), std::numeric_limits<double>::min());
    for (const Panel& panel : panels.panels()) {
      if (panel.lowest <= kink && kink <= panel.highest) {
        scale = std::max(scale, panel.scale);
      }
    }
    double width = std::max(1.0, 0.5 * std::abs(kink));
    width = i > 0 ? std::min(width, kink - kinks[i - 1]) : width;
    width = i + 1 < kinks.size() ? std::min(width, kinks[i + 1] - kink) : width;
    const double narrowest = 1e-12 * std::max(1.0, std::abs(kink));
    while (width > narrowest && !(is_resolved_beside(s, kink, -width, scale) &&
                                  is_resolved_beside(s, kink, width, scale))) {
      width *= 0.5;
    }
    if (width <= narrowest) {
      throw ConfigError("is not smooth on both sides of its kink at " + to_text(kink));
    }
    if (!is_kink(s, kink, width, scale)) {
      throw ConfigError("has no kink at " + to_text(kink) + ": it is smooth there");
    }
  }
  const std::vector<double> further = find_further(s, kinks);
  if (!further.empty()) {
    throw ConfigError("has a kink at " + to_text(further.front()) +
                      " that is not among the kinks given");
  }
}

}  // namespace ntkflow
