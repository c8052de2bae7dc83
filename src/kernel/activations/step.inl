/// s(x) = 1 for x > 0, else 0. Cho, Saul (2009), order 0, with a factor 1/2.
struct Step : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "step";
  static constexpr std::string_view kNoNtk =
      "the derivative of step is a delta function, whose covariance diverges for equal samples; "
      "use "
      "type = \"nngp\", or erf with a large slope, e.g. activation = { name = \"erf\", scale = "
      "0.5, "
      "slope = 10, shift = 0.5 }";

  /// With cos t = c / sqrt(q1 q2): F = (pi - t) / 2 pi; 0 with a sample of no variance.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    return {q1 * q2 > 0 ? Relu(ParameterValues{}).textbook(q1, q2, c).g : Value(0), Value(0)};
  }

  /// The same; F within 4 eps of itself, also towards correlation -1.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value s = sqrt(max(difference_of_products(q1, q2, c, c), Value(0)));
    return {select(q1 * q2 > Value(0), angle_in_turns(s, -c).turns, Value(0)), Value(0)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    return {select(x > Value(0), Value(1), Value(0)), Value(0)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return {q > 0 ? Value(0.5) : Value(0), Value(0)};
  }

  static constexpr bool kIsHomogeneous = true;

  /// With t the angle to the nearer end, F = 1/2 - t / 2 pi or t / 2 pi.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const double turns = NearAngle(q1, q2, gap).turns();
    return c_sign > 0.0 ? NearDuals{0.5 - turns, 0.0, turns} : NearDuals{turns, 0.0, 0.5 - turns};
  }
};
