/// s(x) = max(x, 0). Cho, Saul (2009), orders 1 and 0, with a factor 1/2.
struct Relu : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "relu";

  /// With cos t = c / sqrt(q1 q2): F = sqrt(q1 q2) (sin t + (pi - t) cos t) / 2 pi and
  /// G = (pi - t) / 2 pi. The angle comes from atan2, because arccos of a rounded ratio loses half
  /// of the digits at t = 0.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::atan2;
    using std::sqrt;
    const Value pi = acos(Value(-1));
    const Value determinant = difference_of_products(q1, q2, c, c);
    const Value s = determinant > 0 ? Value(sqrt(determinant)) : Value(0);
    const Value pi_minus_t = atan2(s, Value(-c));
    return {(s + pi_minus_t * c) / (2 * pi), pi_minus_t / (2 * pi)};
  }

  /// Same formula, with the angle in turns, so that F(q, q, q) = q / 2 and G = 1/2, 1/4, 0 at
  /// correlations 1, 0, -1 come out exactly. Towards correlation -1, s + (pi - t) c cancels; there
  /// it is s times the angle's gap, which keeps all digits. Largest error met in trials, relative,
  /// in float and double: F 4 eps, but up to 40 eps just above correlation -0.92 (7 from -0.8 on),
  /// where the sum cancels and the gap does not serve yet. The tests hold F to 48 eps, and
  /// F + G c to 4 eps of |F| + |G c|; G is not observed alone.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value s = sqrt(max(difference_of_products(q1, q2, c, c), Value(0)));
    const auto angle = angle_in_turns(s, -c);
    const Value sum = multiply_add(angle.turns, c, s * Value(0.5 * std::numbers::inv_pi));
    return {select(angle.is_small, s * angle.gap, sum), angle.turns};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const auto is_right = x > Value(0);
    return {select(is_right, x, Value(0)), select(is_right, Value(1), Value(0))};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return {q / 2, Value(0.5)};
  }

  static constexpr bool kIsHomogeneous = true;

  /// With W the F of -|c| and t the angle to the nearer end, F = |c| / 2 + W for c > 0, W else. The
  /// bound is r / 2.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const NearAngle angle(q1, q2, gap);
    const double w = angle.orthant_moment(1);
    if (c_sign > 0.0) {
      return {angle.c / 2.0 + w, 0.5 - angle.turns(), gap / 2.0 - w};
    }
    return {w, angle.turns(), angle.r / 2.0 - w};
  }
};
