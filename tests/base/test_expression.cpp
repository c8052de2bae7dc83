#include <array>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/expression.hpp>

namespace ntkflow {
namespace {

double value_at(const std::string& text, double x) {
  Expression expression(text, {"x"});
  expression.variables()[0] = x;
  std::array<double, 1> value{};
  expression.evaluate(value);
  return value[0];
}

std::string error_of(const std::string& text, const std::vector<std::string>& names) {
  try {
    const Expression expression(text, names);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

TEST(ExpressionTest, KnowsTheFunctionsOfActivations) {
  const double x = 0.3;

  EXPECT_EQ(value_at("erf(x)", x), std::erf(x));
  EXPECT_EQ(value_at("erfc(x)", x), std::erfc(x));
  EXPECT_EQ(value_at("expm1(x)", x), std::expm1(x));
  EXPECT_EQ(value_at("log1p(x)", x), std::log1p(x));
  EXPECT_EQ(value_at("tanh(x)", x), std::tanh(x));
  EXPECT_EQ(value_at("log(x)", x), std::log(x));
  EXPECT_EQ(value_at("x > 0 ? x : 0.5*x", -x), -0.5 * x);
  EXPECT_EQ(value_at("min(max(x, 0), 0.25)", x), 0.25);
}

TEST(ExpressionTest, GivesSeveralValuesOfSeveralVariables) {
  Expression expression("x1*x2, max(x1, x2), 3", {"x1", "x2"});
  ASSERT_EQ(expression.columns(), 3);
  ASSERT_EQ(expression.variables().size(), 2U);
  expression.variables()[0] = 2.0;
  expression.variables()[1] = -4.0;
  std::array<double, 3> values{};

  expression.evaluate(values);

  EXPECT_EQ(values, (std::array<double, 3>{-8.0, 2.0, 3.0}));
  EXPECT_EQ(expression.text(), "x1*x2, max(x1, x2), 3");
}

TEST(ExpressionTest, StaysBoundToItsVariablesWhenMoved) {
  Expression source("2*x", {"x"});
  Expression expression = std::move(source);
  expression.variables()[0] = 21.0;
  std::array<double, 1> value{};

  expression.evaluate(value);

  EXPECT_EQ(value[0], 42.0);
}

TEST(ExpressionTest, RefusesWhatItCannotEvaluate) {
  EXPECT_NE(error_of("x1 + ", {"x1", "x2"}).find("(variables are x1 to x2)"), std::string::npos);
  EXPECT_NE(error_of("y", {"x"}).find("(the variable is x)"), std::string::npos);
  EXPECT_NE(error_of("x", {}).find("(there are no variables)"), std::string::npos);
  EXPECT_NE(error_of("relu(x)", {"x"}).find("\"relu(x)\" cannot be evaluated: "),
            std::string::npos);
  EXPECT_NE(error_of("x = 1", {"x"}).find("compare with =="), std::string::npos);
  EXPECT_NE(error_of("", {"x"}), "");
  EXPECT_EQ(error_of("x == 1 || x <= 2 || x != 3 || x >= 4", {"x"}), "");
}

TEST(ExpressionTest, IsNotFiniteWhereItIsUndefined) {
  EXPECT_TRUE(std::isnan(value_at("sqrt(x)", -1.0)));
  EXPECT_TRUE(std::isinf(value_at("1/x", 0.0)));
}

TEST(ExpressionTest, ObjectsAreIndependent) {
  std::array<double, 4> sums{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&sums, t] {
      Expression expression("x*x", {"x"});
      for (int i = 0; i <= 1000; ++i) {
        expression.variables()[0] = i;
        std::array<double, 1> value{};
        expression.evaluate(value);
        sums[t] += value[0];
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const double sum : sums) {
    EXPECT_EQ(sum, 1000.0 * 1001.0 * 2001.0 / 6.0);
  }
}

}  // namespace
}  // namespace ntkflow
