#include <cmath>
#include <limits>
#include <ostream>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

std::string with_activation(const std::string& value) {
  ConfigText config;
  config.kernel = "type = \"nngp\"\nactivation = " + value + "\n";
  return config.text();
}

ActivationSpec read(const std::string& value) {
  return parse(with_activation(value)).kernel.architecture.activation;
}

TEST(ActivationTest, IsANameWithParameters) {
  expect_same(read("\"relu\""), {"relu", {}, {}});
  expect_same(read("{ name = \"relu\" }"), {"relu", {}, {}});
  expect_same(read("{ name = \"leaky_relu\", negative_slope = 0.1 }"),
              {"leaky_relu", {{"negative_slope", {0.1}}}, {}});
  expect_same(read("{ name = \"abrelu\", b = 2, a = 1 }"),
              {"abrelu", {{"b", {2.0}}, {"a", {1.0}}}, {}});
  expect_same(read("{ name = \"polynomial\", coefficients = [0.5, 1, 0.25] }"),
              {"polynomial", {{"coefficients", {0.5, 1.0, 0.25}}}, {}});
  expect_same(read("{ coefficients = [1.5], name = \"polynomial\" }"),
              {"polynomial", {{"coefficients", {1.5}}}, {}});
}

TEST(ActivationTest, MayBeSetOnTheCommandLine) {
  const RunConfig run = parse(with_activation("\"relu\""),
                              {"kernel.activation={ name = \"leaky_relu\", negative_slope = 0.5 }",
                               "kernel.activation.negative_slope=0.25"});
  expect_same(run.kernel.architecture.activation, {"leaky_relu", {{"negative_slope", {0.25}}}, {}});
}

/// An activation as a configuration writes it, and what the configuration answers.
struct WrongCase {
  std::string value;
  std::vector<std::string> answers;  ///< parts of the problems, in order
};

void PrintTo(const WrongCase& wrong, std::ostream* out) {
  *out << wrong.value;
}

class WrongActivationTest : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongActivationTest, IsExplained) {
  const auto problems = problems_of(with_activation(GetParam().value));
  ASSERT_EQ(problems.size(), GetParam().answers.size());
  for (std::size_t i = 0; i < problems.size(); ++i) {
    EXPECT_EQ(problems[i].find("/runs/run.toml:6: kernel.activation" + GetParam().answers[i]), 0U)
        << problems[i];
  }
}

const WrongCase kWrong[] = {
    {"true", {": found true (boolean); allowed: "}},
    {"[\"relu\"]", {": found [ \"relu\" ] (list)"}},
    {"{}", {": found { ... } (table)"}},
    {"{ slope = 1 }", {": found { ... } (table)"}},
    {"\"expression\"", {": found \"expression\" (string); allowed: "}},
    {"{ name = \"expression\" }", {": found \"expression\" (string); allowed: "}},
    {"{ name = \"relu\", expression = \"x\" }",
     {": holds both a name and an expression; keep one of them"}},
    {"{ name = [\"relu\"] }", {": found [ \"relu\" ] (list)"}},
    {"{ name = \"leaky_relu\", negative_slope = \"0.1\" }",
     {".negative_slope: found \"0.1\" (string); allowed: a number between "}},
    {"{ name = \"leaky_relu\", negative_slope = [0.5] }",
     {".negative_slope: found [ 0.5 ] (list); allowed: a number between "}},
    {"{ name = \"leaky_relu\", negative_slope = nan }",
     {".negative_slope: found nan (float); allowed: a number between "}},
    {"{ name = \"leaky_relu\", slope = 0.1 }", {".slope: unknown key; "}},
    {"{ name = \"leaky_relu\", negativ_slope = 0.1 }",
     {".negativ_slope: unknown key; did you mean negative_slope?"}},
    {"{ name = \"rectified_monomial\", degree = 2.5 }",
     {".degree: found 2.5 (float); allowed: a whole number between 1 and 5"}},
    {"{ name = \"rectified_monomial\", degree = 6 }",
     {".degree: found 6 (integer); allowed: a whole number between 1 and 5"}},
    {"\"polynomial\"", {": activation 'polynomial' needs the parameter 'coefficients'"}},
    {"{ name = \"polynomial\" }", {".coefficients: missing; needed: a list of 1 to "}},
    {"{ name = \"polynomial\", coefficients = 1 }",
     {".coefficients: found 1 (integer); allowed: a list of 1 to "}},
    {"{ name = \"polynomial\", coefficients = [] }",
     {".coefficients: found [] (list); allowed: a list of 1 to "}},
    {"{ name = \"polynomial\", coefficients = [1, \"2\", 3] }",
     {".coefficients: found \"2\" (string); allowed: a list of 1 to "}},
    {"{ name = \"polynomial\", coefficients = [[1, 2]] }",
     {".coefficients: found [ 1, 2 ] (list); allowed: a list of 1 to "}},
    {"{ name = \"polynomial\", coefficients = [1, inf] }",
     {".coefficients: found [ 1, inf ] (list); allowed: a list of 1 to "}},
    {"{ name = \"abrelu\", a = \"1\", b = true, c = 3 }",
     {".c: unknown key; ", ".a: found \"1\" (string)", ".b: found true (boolean)"}},
    {"{ expression = 1 }", {": found 1 (integer); allowed: "}},
};
INSTANTIATE_TEST_SUITE_P(All, WrongActivationTest, testing::ValuesIn(kWrong));

TEST(WithoutNtkTest, IsRefusedForTheNtkAlone) {
  for (const char* name : {"\"step\"", "\"sign\""}) {
    const std::string nngp = with_activation(name);
    EXPECT_TRUE(problems_of(nngp).empty()) << problems_of(nngp).front();
    const auto problems = problems_of(nngp, {"kernel.type=ntk"});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].find("/runs/run.toml:6: kernel.activation: "), 0U) << problems[0];
    EXPECT_NE(problems[0].find("type = \"nngp\""), std::string::npos) << problems[0];
  }
}

/// As printed, and read again from there.
void expect_round_trip(const ActivationSpec& spec, const std::string& text) {
  EXPECT_EQ(activation_toml(spec), text);
  const RunConfig run = parse(with_activation(text));
  expect_same(run.kernel.architecture.activation, spec);
  expect_same(parse_config({run.effective_toml, "", {}, {}}), run);
}

TEST(ActivationTextTest, ReadsBackAsTheSame) {
  expect_round_trip({"relu", {}, {}}, "\"relu\"");
  expect_round_trip({"leaky_relu", {{"negative_slope", {0.1}}}, {}},
                    "{ name = \"leaky_relu\", negative_slope = 0.1 }");
  expect_round_trip({"abrelu", {{"b", {1.0 / 3.0}}, {"a", {-2.0}}}, {}},
                    "{ name = \"abrelu\", b = 0.3333333333333333, a = -2.0 }");
  expect_round_trip({"polynomial", {{"coefficients", {1e-100}}}, {}},
                    "{ name = \"polynomial\", coefficients = [1e-100] }");
  expect_round_trip({"polynomial", {{"coefficients", {1.0, 0.5}}}, {}},
                    "{ name = \"polynomial\", coefficients = [1.0, 0.5] }");
}

TEST(ActivationTextTest, EscapesWhatNoConfigurationWouldAccept) {
  EXPECT_EQ(activation_toml({"expression", {}, "\"x\" \\ \n"}),
            "{ expression = \"\\\"x\\\" \\\\ \\u000A\" }");
  EXPECT_EQ(activation_toml({"later", {{"p", {std::nan("")}}, {"q", {1.0, INFINITY}}}, {}}),
            "{ name = \"later\", p = nan, q = [1.0, inf] }");
}

}  // namespace
}  // namespace ntkflow::test
