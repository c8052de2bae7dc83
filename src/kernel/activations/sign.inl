/// s(x) = -1, 0, 1 for x below, at, above 0.
struct Sign : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "sign";
  static constexpr std::string_view kNoNtk =
      "the derivative of sign is a delta function, whose covariance diverges for equal samples; "
      "use "
      "type = \"nngp\", or erf with a large slope, e.g. activation = { name = \"erf\", slope = 10 "
      "}";

  /// F = (2 / pi) arcsin(c / sqrt(q1 q2)); 0 with a sample of no variance.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::atan2;
    using std::sqrt;
    const Value pi = acos(Value(-1));
    const Value determinant = difference_of_products(q1, q2, c, c);
    const Value s = determinant > 0 ? Value(sqrt(determinant)) : Value(0);
    return {q1 * q2 > 0 ? Value(2 / pi * atan2(c, s)) : Value(0), Value(0)};
  }

  /// The same; F within 4 eps of itself, also towards c = 0.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value s = sqrt(max(difference_of_products(q1, q2, c, c), Value(0)));
    const Value f = copy_sign(angle_in_turns(abs(c), s).turns * Value(4), c);
    return {select(q1 * q2 > Value(0), f, Value(0)), Value(0)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value one(1);
    const Value zero(0);
    return {select(x > zero, one, select(zero > x, -one, zero)), zero};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return {q > 0 ? Value(1) : Value(0), Value(0)};
  }

  static constexpr bool kIsHomogeneous = true;

  /// With t the angle to the nearer end, |F| = 1 - 2 t / pi.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const double rest = 4.0 * NearAngle(q1, q2, gap).turns();
    return {std::copysign(1.0 - rest, c_sign), 0.0, rest};
  }
};
