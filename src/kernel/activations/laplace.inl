/// F = exp(-sqrt(q1 + q2 - 2 c) / length_scale), the dual of the Laplace kernel. Its root gives it
/// a kink at c = q1 = q2.
class Laplace {
 public:
  static constexpr std::string_view kName = "laplace";
  static constexpr bool kIsKernelOnly = true;
  static constexpr std::string_view kNoNtk = kNoNetwork;
  static constexpr std::array<ParameterRule, 1> kParameters{
      {{"length_scale", std::nullopt, 1e-6, 1e6}}};
  explicit Laplace(const ParameterValues& values) : rate_(1.0 / values[0][0]) {}

  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::exp;
    using std::sqrt;
    const Value square = (q1 - c) + (q2 - c);
    return {square > 0 ? Value(exp(-Value(rate_) * sqrt(square))) : Value(1), Value(0)};
  }

  /// With e the exponent, F within (2 + 4 |e|) eps of itself.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value square = max((q1 - c) + (q2 - c), Value(0));
    return {exp(Value(-rate_) * sqrt(square)), Value(0)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& /*q*/) const {
    return {Value(1), Value(0)};
  }

  /// q1 + q2 -+ 2 (r - gap) = (sqrt(q1) -+ sqrt(q2))^2 +- 2 gap, in which only the lengths' rounding
  /// is left: a small distance keeps an absolute error of eps sqrt(q1).
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const double ends = std::sqrt(q1) - std::copysign(std::sqrt(q2), c_sign);
    const double square = ends * ends + std::copysign(2.0 * gap, c_sign);
    const double exponent = -rate_ * std::sqrt(std::max(square, 0.0));
    return {std::exp(exponent), 0.0, -std::expm1(exponent)};
  }

 private:
  double rate_;
};
