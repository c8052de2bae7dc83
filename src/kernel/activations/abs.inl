/// s(x) = |x|.
struct Abs : TwoSlopes {
  static constexpr std::string_view kName = "abs";
  static constexpr std::array<ParameterRule, 0> kParameters{};
  explicit Abs(const ParameterValues& /*values*/) : TwoSlopes(-1.0, 1.0) {}
};
