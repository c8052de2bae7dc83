#include <algorithm>
#include <cmath>
#include <numeric>

#include <support/mpi_test.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/data/preprocessor.hpp>

#include "data_files.hpp"
#include "survey.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using Step = PreprocessStep;
using Slow = std::vector<std::vector<long double>>;  // one vector per sample

constexpr std::int64_t kDimension = 7;
constexpr std::int64_t kConstantFeature = 3;

double element(std::int64_t j, std::int64_t i) {
  if (j == kConstantFeature) {
    return 0.1;  // whose mean over many samples is not 0.1 when summed plainly
  }
  return std::floor(255.0 * RandomStream(5, 6).uniform(static_cast<std::uint64_t>(i),
                                                       static_cast<std::uint64_t>(j)));
}

Slow slow_samples(std::int64_t n) {
  Slow x(static_cast<std::size_t>(n), std::vector<long double>(kDimension));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < kDimension; ++j) {
      x[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = element(j, i);
    }
  }
  return x;
}

long double mean_of(const std::vector<long double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0L) /
         static_cast<long double>(values.size());
}

long double deviation_of(const std::vector<long double>& values) {
  const long double mean = mean_of(values);
  long double sum = 0.0L;
  for (const long double value : values) {
    sum += (value - mean) * (value - mean);
  }
  return std::sqrt(sum / static_cast<long double>(values.size()));
}

/// The steps as interface and textbook say them, on the whole training set, in extended precision.
void apply_slowly(Step step, Slow& x) {
  std::vector<long double> all;
  for (const auto& sample : x) {
    all.insert(all.end(), sample.begin(), sample.end());
  }
  const long double mean = mean_of(all);
  for (auto& sample : x) {
    const long double own_mean = mean_of(sample);
    const long double own_deviation = deviation_of(sample);
    const long double norm =
        std::sqrt(std::inner_product(sample.begin(), sample.end(), sample.begin(), 0.0L));
    for (long double& value : sample) {
      if (step == Step::unit_interval) {
        value /= 255.0L;
      } else if (step == Step::center) {
        value -= mean;
      } else if (step == Step::standardize_samples) {
        value = (value - own_mean) / own_deviation;
      } else if (step == Step::unit_norm) {
        value /= norm;
      } else if (step == Step::sphere) {
        value *= std::sqrt(static_cast<long double>(kDimension)) / norm;
      }
    }
  }
  if (step != Step::center_features && step != Step::standardize_features) {
    return;
  }
  for (std::size_t j = 0; j < kDimension; ++j) {
    std::vector<long double> feature;
    for (const auto& sample : x) {
      feature.push_back(sample[j]);
    }
    const long double feature_mean = mean_of(feature);
    const bool is_constant = std::all_of(feature.begin(), feature.end(),
                                         [&](auto value) { return value == feature[0]; });
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i][j] = feature[i] - feature_mean;
      if (step == Step::standardize_features) {
        x[i][j] = is_constant ? 0.0L : x[i][j] / deviation_of(feature);
      }
    }
  }
}

/// Each rank's contiguous share of n samples, as read.
struct OwnShare {
  OwnShare(const Communicator& comm, std::int64_t n, std::int64_t dimension = kDimension)
      : share(share_of(comm, n)), x(dimension, share.size()) {
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      rows.push_back(i);
      for (std::int64_t j = 0; j < dimension; ++j) {
        x(j, i - share.begin) = element(j, i);
      }
    }
  }

  Share share;
  Matrix<double> x;
  std::vector<std::int64_t> rows;
};

class PreprocessorTest : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
};

TEST_F(PreprocessorTest, MatchesTheSlowVersion) {
  const std::vector<std::vector<Step>> chains{
      {},
      {Step::unit_interval},
      {Step::center},
      {Step::center_features},
      {Step::standardize_features},
      {Step::standardize_samples},
      {Step::unit_norm},
      {Step::sphere},
      {Step::unit_interval, Step::sphere},
      {Step::unit_interval, Step::center, Step::unit_norm},
      {Step::standardize_features, Step::sphere},
      {Step::standardize_samples, Step::standardize_features, Step::center_features}};
  for (const std::int64_t n : {2, 3, 5, 97}) {
    for (const auto& chain : chains) {
      Slow expected = slow_samples(n);
      for (const Step step : chain) {
        apply_slowly(step, expected);
      }
      OwnShare own(world_, n);
      const auto fitted = Preprocessor::fit(world_, chain, own.x.view(), own.rows.data());
      OwnShare again(world_, n);
      fitted.apply(again.x.view(), "training", again.rows.data());

      double error = 0.0;
      bool is_repeated = true;
      for (std::int64_t i = own.share.begin; i < own.share.end; ++i) {
        for (std::int64_t j = 0; j < kDimension; ++j) {
          const double value = own.x(j, i - own.share.begin);
          const auto right = static_cast<double>(
              expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)]);
          // Centred values lose digits against the values that they come from, hence the 255.
          error = std::max(error, std::abs(value - right));
          is_repeated = is_repeated && value == again.x(j, i - own.share.begin);
        }
      }
      EXPECT_LE(error, test::ulp_bound<double>(4, 255.0)) << "n = " << n;
      EXPECT_TRUE(is_repeated) << "fit and apply differ";
    }
  }
}

TEST_F(PreprocessorTest, SlowVersionTellsStepsApart) {
  Slow unit_norm = slow_samples(5);
  Slow sphere = unit_norm;
  apply_slowly(Step::unit_norm, unit_norm);
  apply_slowly(Step::sphere, sphere);

  EXPECT_GT(std::abs(static_cast<double>(unit_norm[1][1] - sphere[1][1])),
            test::ulp_bound<double>(4, 255.0));
}

TEST_F(PreprocessorTest, ConstantFeatureBecomesExactlyZeroOnAllData) {
  OwnShare own(world_, 997);
  const auto fitted =
      Preprocessor::fit(world_, {Step::standardize_features}, own.x.view(), own.rows.data());
  Matrix<double> other(kDimension, 1);
  other(kConstantFeature, 0) = -3.0;
  const std::int64_t row = 0;
  fitted.apply(other.view(), "test", &row);

  for (std::int64_t i = 0; i < own.x.cols(); ++i) {
    EXPECT_EQ(own.x(kConstantFeature, i), 0.0);
  }
  EXPECT_EQ(other(kConstantFeature, 0), 0.0);
  EXPECT_EQ(fitted.steps()[0].factor[kConstantFeature], 0.0);
}

TEST_F(PreprocessorTest, ExtremeMagnitudesNormalise) {
  for (const double scale : {1e-300, 1e300}) {
    Matrix<double> x(3, 1);
    const std::int64_t row = 0;
    const auto normalised = [&](Step step) {
      x(0, 0) = scale;
      x(1, 0) = -scale;
      x(2, 0) = 0.5 * scale;
      Preprocessor({{step, {}, {}}}).apply(x.view(), "test", &row);
      return x(0, 0);
    };
    const double bound = test::ulp_bound<double>(8, 1.0);
    EXPECT_NEAR(normalised(Step::unit_norm), 1.0 / 1.5, bound);
    EXPECT_NEAR(normalised(Step::sphere), std::sqrt(3.0) / 1.5, bound);
  }
}

TEST_F(PreprocessorTest, NamesASampleThatCannotBeNormalised) {
  const int bad_rank = world_.size() - 1;
  for (const Step step : {Step::unit_norm, Step::sphere, Step::standardize_samples}) {
    OwnShare own(world_, 3 * world_.size());
    const std::int64_t bad_row = 3 * bad_rank + 1;
    if (world_.rank() == bad_rank) {
      for (std::int64_t j = 0; j < kDimension; ++j) {
        own.x(j, 1) = step == Step::standardize_samples ? 42.0 : 0.0;
      }
    }
    const auto fit = [&] { Preprocessor::fit(world_, {step}, own.x.view(), own.rows.data()); };
    const std::vector<std::string> parts{"row " + std::to_string(bad_row), "training",
                                         to_string(step)};
    if (world_.rank() == bad_rank) {
      expect_error<DataError>(fit, parts);
    } else {
      expect_error<RemoteError>(fit, parts);
    }
  }
}

TEST_F(PreprocessorTest, RefusesConstantsOfOtherData) {
  Matrix<double> x(3, 1);
  const std::int64_t row = 0;
  const Preprocessor fitted({{Step::center_features, {1.0, 2.0}, {}}});

  expect_error<DataError>([&] { fitted.apply(x.view(), "test", &row); },
                          {"2 features", "inputs have 3"});
}

TEST(PreprocessStepTest, NamesGoBothWays) {
  for (const Step step :
       {Step::unit_interval, Step::center, Step::center_features, Step::standardize_features,
        Step::standardize_samples, Step::unit_norm, Step::sphere}) {
    EXPECT_EQ(preprocess_step_from(to_string(step)), step);
  }
  EXPECT_FALSE(preprocess_step_from("spheres"));
}

}  // namespace
}  // namespace ntkflow
