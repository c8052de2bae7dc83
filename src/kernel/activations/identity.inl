/// s(x) = x: F = c, G = 1. Exact.
struct Identity : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "identity";

  template <class Value>
  Duals<Value> textbook(const Value& /*q1*/, const Value& /*q2*/, const Value& c) const {
    return {c, Value(1)};
  }

  template <class Value>
  Duals<Value> fast(const Value& /*q1*/, const Value& /*q2*/, const Value& c) const {
    return {c, Value(1)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    return {x, Value(1)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return {q, Value(1)};
  }

  static constexpr bool kIsHomogeneous = true;
};
