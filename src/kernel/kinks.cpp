#include "kinks.hpp"

#include <algorithm>
#include <array>
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

/// The number with the fewest decimals between two others.
double simplest_between(double lowest, double highest) {
  if (lowest <= 0.0 && highest >= 0.0) {
    return 0.0;
  }
  const double middle = lowest + 0.5 * (highest - lowest);
  double power = 1.0;
  for (int decimals = 0; decimals <= 15; ++decimals, power *= 10.0) {
    const double rounded = std::round(middle * power) / power;
    if (rounded >= lowest && rounded <= highest) {
      return rounded;
    }
  }
  return middle;
}

/// Where s leaves its value at one end for that at the other: the place of a jump.
double bisect_jump(const ScalarFunction& s, double lowest, double highest) {
  const double low_value = s(lowest);
  const double high_value = s(highest);
  for (int step = 0; step < 100; ++step) {
    const double middle = lowest + 0.5 * (highest - lowest);
    if (middle <= lowest || middle >= highest) {
      break;
    }
    const double value = s(middle);
    if (std::abs(value - low_value) <= std::abs(value - high_value)) {
      lowest = middle;
    } else {
      highest = middle;
    }
  }
  return highest;
}

/// The function on one side of a point alone, so that its value at the point itself, which may
/// belong to the other side, and rounding of the nodes do not matter.
bool is_resolved_beside(const ScalarFunction& s, double kink, double width, double scale) {
  // A panel that touches the kink has no node within 1 / 1000 of its width of it.
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
    if (is_lowest && end - i <= 4 && width(i) < 4e-3 * std::max(1.0, distance)) {
      suspects.push_back({all[i].lowest, all[end - 1].highest, all[i].scale});
    }
    i = end;
  }
  return suspects;
}

/// The kink that made bisection go on between two points, if there is one.
std::optional<double> locate(const ScalarFunction& s, const Suspect& suspect) {
  const auto [lowest, highest, scale] = suspect;
  const double width = highest - lowest;
  const double margin = std::max(width, 4.0 * kEpsilon * std::abs(lowest));
  const std::array<double, 4> candidates{
      simplest_between(lowest - margin, highest + margin), simplest_between(lowest, highest),
      bisect_jump(s, lowest - margin, highest + margin), lowest + 0.5 * width};
  for (const double beside : {64.0, 16.0}) {
    for (const double candidate : candidates) {
      if (is_kink(s, candidate, beside * margin, scale)) {
        return candidate;
      }
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
      continue;
    }
    const double distance = std::max(std::abs(suspect.lowest), std::abs(suspect.highest));
    if (suspect.highest - suspect.lowest < 1e-13 * std::max(distance, 1.0)) {
      throw ConfigError(
          "is singular at x = " + to_text(simplest_between(suspect.lowest, suspect.highest)) +
          ": it is not smooth on either side, as it is beside a kink");
    }
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
