/// s(x) = erf(x). Williams (1997).
struct Erf : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "erf";

  /// With R = (1 + 2 q1)(1 + 2 q2): F = (2 / pi) arcsin(2 c / sqrt(R)) and
  /// G = (4 / pi) / sqrt(R - 4 c^2).
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::asin;
    using std::sqrt;
    const Value pi = acos(Value(-1));
    const Value r = (1 + 2 * q1) * (1 + 2 * q2);
    return {2 / pi * asin(2 * c / sqrt(r)), 4 / pi / sqrt(r - 4 * c * c)};
  }

  /// arcsin as the angle of (sqrt(R - 4 c^2), 2 c), and R - 4 c^2 = 1 + 2 (q1 + q2)
  /// + 4 (q1 q2 - c^2), a sum of terms that are not negative, so that nothing cancels.
  /// Largest error met in trials, relative: F 2 eps, in float and double. The tests hold F to
  /// 48 eps, and F + G c to 4 eps of |F| + |G c|; G is not observed alone.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value determinant = max(difference_of_products(q1, q2, c, c), Value(0));
    const Value root =
        sqrt(multiply_add(Value(4), determinant, multiply_add(Value(2), q1 + q2, Value(1))));
    const auto angle = angle_in_turns(abs(c) * Value(2), root);
    return {copy_sign(angle.turns * Value(4), c), Value(4 * std::numbers::inv_pi) / root};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const Value root = std::sqrt(1 + 4 * q);
    constexpr auto kTwoOverPi = static_cast<Value>(2 * std::numbers::inv_pi);
    return {kTwoOverPi * std::atan2(2 * q, root), 2 * kTwoOverPi / root};
  }
};
