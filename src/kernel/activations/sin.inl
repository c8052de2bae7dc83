/// s(x) = sin(frequency x + phase).
struct Sin : Wave {
  static constexpr std::string_view kName = "sin";
  static constexpr std::array<ParameterRule, 2> kParameters{
      {{"frequency", 1.0, -1e6, 1e6}, {"phase", 0.0, -1e3, 1e3}}};
  explicit Sin(const ParameterValues& values) : Wave(Kind::sine, values[0][0], values[1][0]) {}
};
