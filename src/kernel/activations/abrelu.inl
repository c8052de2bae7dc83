/// s(x) = a min(x, 0) + b max(x, 0).
struct AbRelu : TwoSlopes {
  static constexpr std::string_view kName = "abrelu";
  static constexpr std::array<ParameterRule, 2> kParameters{
      {{"a", std::nullopt, -1e3, 1e3}, {"b", std::nullopt, -1e3, 1e3}}};
  explicit AbRelu(const ParameterValues& values) : TwoSlopes(values[0][0], values[1][0]) {}
};
