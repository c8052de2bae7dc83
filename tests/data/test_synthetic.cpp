#include <cmath>
#include <complex>
#include <numeric>
#include <set>

#include <support/tolerance.hpp>

#include <ntkflow/base/matrix.hpp>

#include "data_files.hpp"
#include "synthetic.hpp"

namespace ntkflow {
namespace {

using test::expect_error;

class SyntheticSourceTest : public testing::Test {
 protected:
  SyntheticSource open(Split split = Split::train) { return {options_, split}; }

  static Matrix<double> all(SyntheticSource& source) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(source.size()));
    std::iota(rows.begin(), rows.end(), 0);
    Matrix<double> x(source.dimension(), source.size());
    source.read_inputs(rows, x.view());
    return x;
  }

  SyntheticOptions& synthetic() { return options_.synthetic; }

  DataOptions options_ = [] {
    DataOptions options;
    options.format = DataFormat::synthetic;
    options.synthetic.size = 6;
    options.test_size = 6;
    return options;
  }();
};

TEST_F(SyntheticSourceTest, CircleIsEquallySpaced) {
  auto train = open(Split::train);
  auto test = open(Split::test);
  const auto x = all(train);
  const auto z = all(test);

  for (std::int64_t i = 0; i < 6; ++i) {
    // Multiplying out the complex sixth root of one is an independent way to the points.
    const std::complex<double> root(0.5, std::sqrt(3.0) / 2.0);
    const std::complex<double> half_step(std::sqrt(3.0) / 2.0, 0.5);
    std::complex<double> point = 1.0;
    for (std::int64_t k = 0; k < i; ++k) {
      point *= root;
    }
    const double bound = test::ulp_bound<double>(20, 1.0);
    EXPECT_NEAR(x(0, i), point.real(), bound);
    EXPECT_NEAR(x(1, i), point.imag(), bound);
    EXPECT_NEAR(z(0, i), (point * half_step).real(), bound);
    EXPECT_NEAR(z(1, i), (point * half_step).imag(), bound);
  }
}

TEST_F(SyntheticSourceTest, CubeHasAllCornersInCountingOrder) {
  synthetic() = {SyntheticKind::boolean_cube, std::nullopt, 3, "x1*x2*x3"};
  auto source = open();
  const auto x = all(source);

  ASSERT_EQ(source.size(), 8);
  for (std::int64_t corner = 0; corner < 8; ++corner) {
    double number = 0.0;
    for (std::int64_t j = 0; j < 3; ++j) {
      ASSERT_EQ(std::abs(x(j, corner)), 1.0);
      number += x(j, corner) > 0.0 ? std::pow(2.0, static_cast<double>(j)) : 0.0;
    }
    EXPECT_EQ(number, static_cast<double>(corner));
  }
  Matrix<double> y(1, 8);
  source.read_targets(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}, y.view());
  EXPECT_EQ(y(0, 0), -1.0);
  EXPECT_EQ(y(0, 7), 1.0);
}

TEST_F(SyntheticSourceTest, CubeDrawsDistinctCorners) {
  for (const std::int64_t dimension : {3, 10, 62}) {
    synthetic() = {SyntheticKind::boolean_cube, 7, dimension, "x1"};
    options_.test_size = 7;
    auto train = open();
    auto test = open(Split::test);
    const auto x = all(train);
    const auto z = all(test);
    std::set<std::vector<double>> corners;
    for (std::int64_t i = 0; i < 7; ++i) {
      corners.emplace(x.column(i), x.column(i) + dimension);
    }
    EXPECT_EQ(corners.size(), 7u);
    EXPECT_FALSE(std::equal(x.data(), x.data() + x.size(), z.data()));
  }
}

TEST_F(SyntheticSourceTest, SphereAndGaussianHaveTheirMoments) {
  constexpr std::int64_t kSize = 20'000;
  for (const auto kind : {SyntheticKind::sphere, SyntheticKind::gaussian}) {
    synthetic() = {kind, kSize, 3, "x1"};
    auto source = open();
    const auto x = all(source);
    double mean = 0.0;
    double variance = 0.0;
    double correlation = 0.0;
    for (std::int64_t i = 0; i < kSize; ++i) {
      if (kind == SyntheticKind::sphere) {
        const double norm = std::hypot(x(0, i), x(1, i), x(2, i));
        ASSERT_NEAR(norm, 1.0, test::ulp_bound<double>(4, 1.0));
      }
      mean += x(0, i) / kSize;
      variance += x(1, i) * x(1, i) / kSize;
      correlation += x(1, i) * x(2, i) / kSize;
    }
    const double expected = kind == SyntheticKind::sphere ? 1.0 / 3.0 : 1.0;
    const double five_standard_errors = 5.0 * std::sqrt(2.0 / kSize);
    EXPECT_NEAR(mean, 0.0, five_standard_errors);
    EXPECT_NEAR(variance, expected, five_standard_errors);
    EXPECT_NEAR(correlation, 0.0, five_standard_errors);
  }
}

TEST_F(SyntheticSourceTest, AnyRowCanBeMadeAlone) {
  for (const auto kind : {SyntheticKind::circle, SyntheticKind::sphere, SyntheticKind::gaussian,
                          SyntheticKind::boolean_cube}) {
    synthetic() = {kind, 6, kind == SyntheticKind::circle ? 2 : 5, "x1 + 2*x2"};
    auto source = open();
    const auto x = all(source);
    const std::vector<std::int64_t> rows{1, 4};
    Matrix<double> some(source.dimension(), 2);
    source.read_inputs(rows, some.view());
    Matrix<double> y(1, 1);
    source.read_targets(std::vector<std::int64_t>{4}, y.view());
    for (std::int64_t j = 0; j < source.dimension(); ++j) {
      EXPECT_EQ(some(j, 0), x(j, 1));
      EXPECT_EQ(some(j, 1), x(j, 4));
    }
    EXPECT_EQ(y(0, 0), x(0, 4) + 2.0 * x(1, 4));
  }
}

TEST_F(SyntheticSourceTest, SeveralExpressionsAreSeveralTargets) {
  synthetic().target = "x1, x2, 3";
  auto source = open();
  const auto x = all(source);
  Matrix<double> y(3, 1);
  source.read_targets(std::vector<std::int64_t>{2}, y.view());

  ASSERT_EQ(source.target_columns(), 3);
  EXPECT_EQ(y(0, 0), x(0, 2));
  EXPECT_EQ(y(1, 0), x(1, 2));
  EXPECT_EQ(y(2, 0), 3.0);
}

TEST_F(SyntheticSourceTest, RefusesWhatCannotBe) {
  for (const char* wrong : {"x3", "x0", "x1*", "", "foo(x1)", "x1 x2"}) {
    synthetic().target = wrong;
    expect_error<ConfigError>([&] { open(); }, {"data.target = ", "x1 to x2"});
  }
  const auto refuse = [&](SyntheticOptions wrong, const std::vector<std::string>& parts) {
    synthetic() = std::move(wrong);
    expect_error<ConfigError>([&] { open(); }, parts);
  };
  refuse({SyntheticKind::circle, 5, 3, "x1"}, {"data.dimension = 3", "a circle has dimension 2"});
  refuse({SyntheticKind::sphere, std::nullopt, 3, "x1"}, {"data.size is needed", "sphere"});
  refuse({SyntheticKind::sphere, 0, 3, "x1"}, {"data.size = 0"});
  refuse({SyntheticKind::sphere, 5, 0, "x1"}, {"data.dimension = 0"});
  refuse({SyntheticKind::boolean_cube, std::nullopt, 63, "x1"},
         {"at most 62", "ntkflow experiment boolean-cube"});
  refuse({SyntheticKind::boolean_cube, std::nullopt, 25, "x1"},
         {"data.size", "ntkflow experiment boolean-cube"});
  options_.train_size = 5;  // a part of the corners
  EXPECT_NO_THROW(open());
  options_.train_size.reset();
  refuse({SyntheticKind::boolean_cube, 9, 3, "x1"}, {"8 corners", "9 samples"});
}

}  // namespace
}  // namespace ntkflow
