/// F = (offset + c)^degree, the dual of the polynomial kernel.
class OffsetPower {
 public:
  static constexpr std::string_view kName = "offset_power";
  static constexpr bool kIsKernelOnly = true;
  static constexpr std::string_view kNoNtk = kNoNetwork;
  static constexpr std::array<ParameterRule, 2> kParameters{
      {{"offset", std::nullopt, 0.0, 1e6},
       {"degree", std::nullopt, 1.0, 100.0, ParameterKind::integer}}};
  explicit OffsetPower(const ParameterValues& values)
      : offset_(values[0][0]), degree_(static_cast<int>(values[1][0])) {}

  template <class Value>
  Duals<Value> textbook(const Value& /*q1*/, const Value& /*q2*/, const Value& c) const {
    Value f = 1;
    for (int factor = 0; factor < degree_; ++factor) {
      f *= offset_ + c;
    }
    return {f, Value(0)};
  }

  /// By squaring: F within 2 degree eps of itself where c >= 0, and else of (offset + |c|)^degree,
  /// which the Cauchy-Schwarz inequality keeps below sqrt(F(q1, q1, q1) F(q2, q2, q2)).
  template <class Value>
  Duals<Value> fast(const Value& /*q1*/, const Value& /*q2*/, const Value& c) const {
    Value power = static_cast<Value>(offset_) + c;
    Value f(1);
    for (int rest = degree_; rest > 0; rest /= 2) {
      if (rest % 2 == 1) {
        f = f * power;
      }
      power = power * power;
    }
    return {f, Value(0)};
  }

  /// The same operations; inf where they overflow.
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return fast(q, q, q);
  }

 private:
  double offset_;
  int degree_;
};
