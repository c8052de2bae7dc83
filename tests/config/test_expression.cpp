#include <ostream>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

std::string with_activation(const std::string& value) {
  ConfigText config;
  config.kernel = "activation = " + value + "\n";
  return config.text();
}

/// What a configuration may write, the spec it stands for, and how that is printed.
struct ExpressionCase {
  std::string value;
  ActivationSpec spec;
  std::string printed;
};

void PrintTo(const ExpressionCase& expression, std::ostream* out) {
  *out << expression.value;
}

class ExpressionTest : public testing::TestWithParam<ExpressionCase> {};

TEST_P(ExpressionTest, IsReadAndPrinted) {
  const RunConfig run = parse(with_activation(GetParam().value));
  expect_same(run.kernel.architecture.activation, GetParam().spec);
  EXPECT_EQ(activation_toml(GetParam().spec), GetParam().printed);
  expect_same(parse_config({run.effective_toml, "", {}, {}}), run);
}

const ExpressionCase kExpressions[] = {
    {"{ expression = \"x*tanh(log(1+exp(x)))\" }",
     {"expression", {}, "x*tanh(log(1+exp(x)))"},
     "{ expression = \"x*tanh(log(1+exp(x)))\" }"},
    {"{ expression = \"max(x,0)\", kinks = [0] }",
     {"expression", {{"kinks", {0.0}}}, "max(x,0)"},
     "{ expression = \"max(x,0)\", kinks = [0.0] }"},
    {"{ kinks = [-1, 1.0], expression = 'max(min(x, 1), -1)' }",
     {"expression", {{"kinks", {-1.0, 1.0}}}, "max(min(x, 1), -1)"},
     "{ expression = \"max(min(x, 1), -1)\", kinks = [-1.0, 1.0] }"},
    {"{ expression = \"tanh(x)\", kinks = [] }",
     {"expression", {{"kinks", {}}}, "tanh(x)"},
     "{ expression = \"tanh(x)\", kinks = [] }"},
    {"{ expression = \"x\\t+ 1\" }",
     {"expression", {}, "x\t+ 1"},
     "{ expression = \"x\\u0009+ 1\" }"},
};
INSTANTIATE_TEST_SUITE_P(All, ExpressionTest, testing::ValuesIn(kExpressions));

/// A wrong one, and how the line about it goes on after "kernel.activation".
struct WrongCase {
  std::string value;
  std::string answer;
};

void PrintTo(const WrongCase& wrong, std::ostream* out) {
  *out << wrong.value;
}

class WrongExpressionTest : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongExpressionTest, IsExplained) {
  const auto problems = problems_of(with_activation(GetParam().value));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].find("/runs/run.toml:5: kernel.activation" + GetParam().answer), 0U)
      << problems[0];
}

const WrongCase kWrong[] = {
    {"\"expression\"", ": found \"expression\" (string); allowed: "},
    {"{ name = \"expression\" }", ": found \"expression\" (string); allowed: "},
    {"{ expression = \"x +* 2\" }", ": "},
    {"{ expression = \"\" }", ": "},
    {"{ expression = \"y\" }", ": "},
    {"{ expression = \"x, 2*x\" }", ": "},
    {"{ expression = \"sqrt(x)\" }", ": "},
    {"{ expression = \"tanh(x)\", kinks = [0.0] }", ": "},
    {"{ expression = \"max(x, 0)\", kinks = [] }", ": "},
    {"{ expression = \"x\", slope = 1 }", ".slope: unknown key; allowed: expression, kinks"},
    {"{ expression = \"x\", kink = [0] }", ".kink: unknown key; did you mean kinks?"},
    {"{ expression = \"x\", kinks = 0 }", ".kinks: found 0 (integer); allowed: a list of "},
    {"{ expression = \"x\", kinks = [\"0\"] }", ".kinks: found \"0\" (string)"},
    {"{ expression = \"x\", kinks = [[0]] }", ".kinks: found [ 0 ] (list)"},
    {"{ expression = \"x\", kinks = [nan] }", ".kinks: found [ nan ] (list)"},
};
INSTANTIATE_TEST_SUITE_P(All, WrongExpressionTest, testing::ValuesIn(kWrong));

TEST(ExpressionSettingTest, ReplacesANamedActivation) {
  const RunConfig run = parse(with_activation("\"relu\""),
                              {"kernel.activation={ expression = \"max(x, 0)^2\", kinks = [0] }"});
  expect_same(run.kernel.architecture.activation,
              {"expression", {{"kinks", {0.0}}}, "max(x, 0)^2"});
}

}  // namespace
}  // namespace ntkflow::test
