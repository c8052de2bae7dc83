/// s(x) = scale erf(slope x) + shift. Williams (1997).
struct Erf {
  static constexpr std::string_view kName = "erf";
  static constexpr std::array<ParameterRule, 3> kParameters{
      {{"scale", 1.0, -1e6, 1e6}, {"slope", 1.0, 1e-6, 1e6}, {"shift", 0.0, -1e6, 1e6}}};
  explicit Erf(const ParameterValues& values)
      : scale(values[0][0]), slope(values[1][0]), shift(values[2][0]) {}

  /// With a the scale, b the slope and R = (1 + 2 b^2 q1)(1 + 2 b^2 q2):
  /// F = a^2 (2 / pi) arcsin(2 b^2 c / sqrt(R)) + shift^2 and
  /// G = a^2 b^2 (4 / pi) / sqrt(R - 4 b^4 c^2). The shift meets no other term, since erf is odd.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::asin;
    using std::sqrt;
    const Value pi = acos(Value(-1));
    const Value a2 = Value(scale) * Value(scale);
    const Value b2 = Value(slope) * Value(slope);
    const Value r = (1 + 2 * b2 * q1) * (1 + 2 * b2 * q2);
    return {a2 * 2 / pi * asin(2 * b2 * c / sqrt(r)) + Value(shift) * Value(shift),
            a2 * b2 * 4 / pi / sqrt(r - 4 * b2 * b2 * c * c)};
  }

  /// arcsin as the angle of (w, 2 |c|), w = sqrt(R / b^4 - 4 c^2), and w^2 = 1 / b^4
  /// + 2 (q1 + q2) / b^2 + 4 (q1 q2 - c^2), a sum of terms that are not negative, so that nothing
  /// cancels but the two terms of F where it changes sign. Largest error met in
  /// trials, relative: F 3 eps. The tests hold F to 8 eps of itself (without shift) or of
  /// |F| + |G c|, and F + G c to 6 eps of |F| + |G c|; G is not observed alone.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const double width = 1.0 / (slope * slope);
    const Value determinant = max(difference_of_products(q1, q2, c, c), Value(0));
    const Value linear = multiply_add(Value(2 * width), q1 + q2, Value(width * width));
    const Value root = sqrt(multiply_add(Value(4), determinant, linear));
    const Value f = copy_sign(angle_in_turns(abs(c) * Value(2), root).turns, c);
    return {multiply_add(Value(4 * scale * scale), f, Value(shift * shift)),
            Value(4 * std::numbers::inv_pi * scale * scale) / root};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value z = Value(slope) * x;
    return {multiply_add(Value(scale), erf(z), Value(shift)),
            Value(2 * std::numbers::inv_sqrtpi * scale * slope) * exp(-z * z)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const double width = 1.0 / (slope * slope);
    const Value root =
        std::sqrt(static_cast<Value>(width * width) + static_cast<Value>(4 * width) * q);
    const auto peak = static_cast<Value>(2 * std::numbers::inv_pi * scale * scale);
    return {peak * std::atan2(2 * q, root) + static_cast<Value>(shift * shift), 2 * peak / root};
  }

  double scale;
  double slope;
  double shift;
};
