/// s(x) = min(max(x, 0), 6) = x+ - (x - 6)+.
struct Relu6 : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "relu6";
  static constexpr bool kTextbookIntegrates = true;

  /// Sums of the duals of hinges at 0 and 6.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    const Value determinant = difference_of_products(q1, q2, c, c);
    const auto both = any_precision::hinge_duals(q1, q2, c, determinant, Value(6), Value(6));
    const auto first = any_precision::hinge_duals(q1, q2, c, determinant, Value(6), Value(0));
    const auto second = any_precision::hinge_duals(q1, q2, c, determinant, Value(0), Value(6));
    const auto relu = Relu(ParameterValues()).textbook(q1, q2, c);
    return {relu.f + (both.f - (first.f + second.f)), relu.g + (both.g - (first.g + second.g))};
  }

  /// The same sum. Largest errors met in trials, for variances from 0.01 to 30: F 5e-16 (double)
  /// and 2e-7 (float) of sqrt(F(q1, q1, q1) F(q2, q2, q2)), G 2e-15 and 1e-6 relative. The tests
  /// hold F, and F + G c, to 1e-13 and 4e-6.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const auto both = hinge_duals(q1, q2, c, 6.0);
    const auto first = hinge_and_relu_duals(q1, q2, c, 6.0);
    const auto second = hinge_and_relu_duals(q2, q1, c, 6.0);
    const auto relu = Relu(ParameterValues()).fast(q1, q2, c);
    return {relu.f + (both.f - (first.f + second.f)), relu.g + (both.g - (first.g + second.g))};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const auto is_inside = Value(3) > abs(x - Value(3));
    return {min(max(x, Value(0)), Value(6)), select(is_inside, Value(1), Value(0))};
  }

  /// E s^2 = q P(0 < u < 6) - 6 sqrt(q) phi(h) + 36 P(u > 6), h = 6 / sqrt(q).
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const Value deviation = std::sqrt(q);
    const Value h = 6 / deviation;
    const Value inside = std::erf(h * static_cast<Value>(0.5 * std::numbers::sqrt2)) / 2;
    return {q * inside - 6 * deviation * normal_density(h) + 36 * normal_tail(h), inside};
  }

  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const double end_g = c_sign > 0.0 ? diagonal(std::max(q1, q2)).g : 0.0;
    return near_piecewise_linear([](double x) { return std::clamp(x, 0.0, 6.0); },
                                 std::array<Kink, 2>{{{0.0, 1.0}, {6.0, -1.0}}}, std::sqrt(q1),
                                 std::copysign(std::sqrt(q2), c_sign), gap, diagonal(q1).f,
                                 diagonal(q2).f, end_g);
  }
};
