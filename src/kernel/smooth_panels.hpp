#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

// How finely a function of one variable must be cut so that polynomials represent it.
namespace ntkflow {

/// A function's value and derivative at a point.
struct Jet {
  double value = 0.0;
  double derivative = 0.0;
};

using ScalarFunction = std::function<double(double)>;

/// An interval with the polynomial that represents a function on it, in Chebyshev's basis.
struct Panel {
  static constexpr int kNodes = 24;

  double lowest = 0.0;
  double highest = 0.0;
  /// The function's largest magnitude between -|x| and |x|, to which errors are relative; where
  /// it vanishes there, that further outwards.
  double scale = 0.0;
  int terms = 0;  ///< those that matter, of both series
  /// False where bisection ended without success: the function jumps or is singular inside.
  bool is_resolved = true;
  std::array<double, kNodes> value{};
  std::array<double, kNodes> derivative{};

  [[nodiscard]] Jet operator()(double x) const;
};

/// Whether a polynomial of degree Panel::kNodes - 1 represents s between two points to kTolerance
/// of `scale`, beyond what the rounding of x itself does to s. Local.
bool is_resolved(const ScalarFunction& s, double lowest, double highest, double scale);

/// The real line in panels that each resolve a function, found by bisection, outwards from 0 until
/// the function is no longer finite, oscillates too fast, or |x| > 10^6. Immutable.
class SmoothPanels {
 public:
  static constexpr double kTolerance = 4e-15;  ///< of a panel's scale
  static constexpr double kTested = 12.0;      ///< |x| to which the function must be representable

  /// Local. Panels begin and end at `kinks` (ascending), where s may be anything but must be smooth
  /// on either side. Throws ConfigError, as a phrase that the function is the subject of, if s is
  /// not finite or too rough for |x| <= kTested.
  SmoothPanels(const ScalarFunction& s, const std::vector<double>& kinks);

  /// The polynomial at x, that of the right panel at an edge; NaN outside of all panels.
  [[nodiscard]] Jet operator()(double x) const;
  /// The scale of the panel at x; 0 outside of all.
  [[nodiscard]] double scale(double x) const;
  [[nodiscard]] const std::vector<Panel>& panels() const { return panels_; }

  /// Panels joined where one polynomial serves several: where quadrature rules need to be cut.
  [[nodiscard]] const std::vector<double>& cuts() const { return cuts_; }

 private:
  [[nodiscard]] const Panel* find(double x) const;
  void join(const ScalarFunction& s, const std::vector<double>& kinks);

  std::vector<Panel> panels_;  ///< ascending, without gaps
  std::vector<double> cuts_;
};

}  // namespace ntkflow
