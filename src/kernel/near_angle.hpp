#pragma once

namespace ntkflow {

/// A pair near correlation 1 or -1, from gap = r - |c| with r = sqrt(q1 q2).
class NearAngle {
 public:
  NearAngle(double q1, double q2, double gap);

  /// The angle to the nearer end, in turns.
  [[nodiscard]] double turns() const;
  /// E[u^n v^n; u > 0, v > 0] at c = -|c|, n = 1 ... 5, with all digits.
  [[nodiscard]] double orthant_moment(int n) const;

  double r;
  double c;  ///< |c|
  double gap;
};

}  // namespace ntkflow
