/// s(x) = x Phi(x), Phi the standard normal distribution function. Tsuchida et al. (2020).
struct Gelu : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "gelu";

  /// With P = q1 q2, R = (1 + q1)(1 + q2), D = R - c^2 and A = atan2(c, sqrt(D)):
  /// F = c / 4 + ((c^2 + P D) / (R sqrt(D)) + c A) / 2 pi and
  /// G = 1/4 + (A + c / sqrt(D) (1 / D + (1 - P) / R + 1)) / 2 pi.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::atan2;
    using std::sqrt;
    const Value two_pi = 2 * acos(Value(-1));
    const Value p = q1 * q2;
    const Value r = (1 + q1) * (1 + q2);
    const Value d = r - c * c;
    const Value root = sqrt(d);
    const Value a = atan2(c, root);
    return {c / 4 + ((c * c + p * d) / (r * root) + c * a) / two_pi,
            Value(1) / 4 + (a + c / root * (1 / d + (1 - p) / r + 1)) / two_pi};
  }

  /// With S = 1 + q1 + q2, D = S + (P - c^2) and pi / 2 + A = atan2(sqrt(D), -c): products of two
  /// variances are divided by R before they grow. For large variances and negative c, where F is
  /// that of relu but for its tail, the terms of order |c| cancel; there they are taken out, with
  /// the angle's gap, and c^2 - S D remains of c^2 + P D. F and G change sign for negative c.
  /// Largest error met in trials for variances up to 4, relative to |F| + |G c|: 18 eps. The tests
  /// hold F and F + G c to 24 eps of it.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value s = (q1 + q2) + Value(1);
    const Value d = s + max(difference_of_products(q1, q2, c, c), Value(0));
    const Value root = sqrt(d);
    const Value inverse_root = Value(1) / root;
    const Value inverse_r = Value(1) / ((q1 + Value(1)) * (q2 + Value(1)));
    const auto angle = angle_in_turns(root, -c);
    const Value ratio = c * inverse_root;
    const Value c_share = (c * inverse_r) * ratio;  // c^2 / (R sqrt(D))
    const Value two_pi = Value(0.5 * std::numbers::inv_pi);
    const Value sum = multiply_add(q1 * q2 * inverse_r, root, c_share) * two_pi + angle.turns * c;
    const Value rest = (c_share - (s * inverse_r) * root) * two_pi + root * angle.gap;
    const Value bracket = multiply_add(inverse_root, inverse_root, (s + Value(1)) * inverse_r);
    return {select(angle.is_small, rest, sum), multiply_add(ratio * two_pi, bracket, angle.turns)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value density = normal_density(x);
    const Value below = normal_tail(-x, density);
    return {x * below, multiply_add(x, density, below)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    constexpr auto kPerTurn = static_cast<Value>(0.5 * std::numbers::inv_pi);
    const Value d = 1 + 2 * q;
    const Value root = std::sqrt(d);
    const Value turns = Value(0.25) + kPerTurn * std::atan2(q, root);
    return {q * (turns + kPerTurn * 2 * (q / (1 + q)) / root),
            turns + kPerTurn * (q / root) * (1 / d + 2 / (1 + q))};
  }
};
