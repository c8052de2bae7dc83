/// s(x) = negative_slope min(x, 0) + max(x, 0).
struct LeakyRelu : TwoSlopes {
  static constexpr std::string_view kName = "leaky_relu";
  static constexpr std::array<ParameterRule, 1> kParameters{{{"negative_slope", 0.01, -1e3, 1e3}}};
  explicit LeakyRelu(const ParameterValues& values) : TwoSlopes(values[0][0], 1.0) {}
};
