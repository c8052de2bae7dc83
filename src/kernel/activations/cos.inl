/// s(x) = cos(frequency x + phase).
struct Cos : Wave {
  static constexpr std::string_view kName = "cos";
  static constexpr std::array<ParameterRule, 2> kParameters = Sin::kParameters;
  explicit Cos(const ParameterValues& values) : Wave(Kind::cosine, values[0][0], values[1][0]) {}
};
