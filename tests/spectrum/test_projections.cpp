#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/spectrum/alignment.hpp>
#include <ntkflow/spectrum/principal_components.hpp>

#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

// Alignment and kernel PCA of a kernel with few features, against the features themselves and
// against N x N matrices.
namespace ntkflow {
namespace {

constexpr std::int64_t kTrain = 17;
constexpr std::int64_t kTest = 5;
constexpr std::int64_t kFeatures = 4;
constexpr double kTolerance = 1e-12;

double feature(std::int64_t point, std::int64_t f) {
  return std::cos(static_cast<double>((point + 1) * (f + 2))) + (f == 0 ? 1.5 : 0.0);
}

/// Kernels between points [begin, end) and the training points, [(end - begin) x kTrain].
Matrix<double> kernels(std::int64_t begin, std::int64_t end) {
  Matrix<double> k(end - begin, kTrain);
  for (std::int64_t j = 0; j < kTrain; ++j) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t f = 0; f < kFeatures; ++f) {
        k(i - begin, j) += feature(i, f) * feature(j, f);
      }
    }
  }
  return k;
}

Matrix<double> product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.cols());
  multiply<double>(Transpose::no, Transpose::no, 1.0, a.view(), b.view(), 0.0, c.view());
  return c;
}

/// Takes row and column means off.
Matrix<double> centred(const Matrix<double>& a) {
  Matrix<double> h(kTrain, kTrain);
  for (std::int64_t j = 0; j < kTrain; ++j) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      h(i, j) = (i == j ? 1.0 : 0.0) - 1.0 / static_cast<double>(kTrain);
    }
  }
  return product(product(h, a), h);
}

double inner(const Matrix<double>& a, const Matrix<double>& b) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += a.data()[i] * b.data()[i];
  }
  return sum;
}

double cosine(const Matrix<double>& a, const Matrix<double>& b) {
  return inner(a, b) / std::sqrt(inner(a, a) * inner(b, b));
}

TEST(TargetAlignmentTest, IsTheCosineOfMatrices) {
  const Matrix<double> k = kernels(0, kTrain);
  Matrix<double> y(kTrain, 2);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y.data()[i] = 0.4 + std::sin(2.1 * static_cast<double>(i));
  }
  Matrix<double> of_targets(kTrain, kTrain);
  multiply<double>(Transpose::no, Transpose::yes, 1.0, std::as_const(y).view(),
                   std::as_const(y).view(), 0.0, of_targets.view());
  const Alignment alignment =
      target_alignment(y, product(k, with_ones(y)), std::sqrt(inner(k, k)), 0.0);
  EXPECT_NEAR(alignment.plain, cosine(k, of_targets), kTolerance);
  ASSERT_TRUE(alignment.centred);
  EXPECT_NEAR(*alignment.centred, cosine(centred(k), centred(of_targets)), kTolerance);
  EXPECT_GT(std::abs(alignment.plain - *alignment.centred), 1e-3);
}

TEST(TargetAlignmentTest, IsOneForTheKernelOfTheTargets) {
  Matrix<double> y(kTrain, 1);
  Matrix<double> k(kTrain, kTrain);
  for (std::int64_t i = 0; i < kTrain; ++i) {
    y(i, 0) = feature(i, 1);
  }
  multiply<double>(Transpose::no, Transpose::yes, 3.0, std::as_const(y).view(),
                   std::as_const(y).view(), 0.0, k.view());
  const Alignment alignment =
      target_alignment(y, product(k, with_ones(y)), std::sqrt(inner(k, k)), 0.0);
  EXPECT_NEAR(alignment.plain, 1.0, kTolerance);
  ASSERT_TRUE(alignment.centred);
  EXPECT_NEAR(*alignment.centred, 1.0, kTolerance);
}

TEST(TargetAlignmentTest, ConstantTargetsHaveNoCentredAlignment) {
  const Matrix<double> k = kernels(0, kTrain);
  Matrix<double> y(kTrain, 1);
  std::fill_n(y.data(), kTrain, 0.1);
  const Alignment alignment =
      target_alignment(y, product(k, with_ones(y)), std::sqrt(inner(k, k)), 0.0);
  EXPECT_GT(alignment.plain, 0.0);
  EXPECT_FALSE(alignment.centred);
}

TEST(TargetAlignmentTest, NearlyConstantKernelsHaveOneWhileDigitsAreLeft) {
  Matrix<double> y(kTrain, 1);
  for (std::int64_t i = 0; i < kTrain; ++i) {
    y(i, 0) = std::sin(2.1 * static_cast<double>(i));
  }
  Matrix<double> of_targets(kTrain, kTrain);
  multiply<double>(Transpose::no, Transpose::yes, 1.0, std::as_const(y).view(),
                   std::as_const(y).view(), 0.0, of_targets.view());
  const Matrix<double> varying = kernels(0, kTrain);
  const double expected = cosine(centred(varying), centred(of_targets));
  const auto align = [&](double part, double rounding) {
    Matrix<double> k = varying.clone();
    for (std::int64_t i = 0; i < k.size(); ++i) {
      k.data()[i] = 1.0 + part * k.data()[i];
    }
    return target_alignment(y, product(k, with_ones(y)), std::sqrt(inner(k, k)), rounding).centred;
  };
  const double eps = std::numeric_limits<double>::epsilon();
  // Rounding is N eps of |K|_F^2, about N^2, and |H K H|_F^2 about part^2 N^2.
  for (const double part : {1e-2, 1e-5}) {
    ASSERT_TRUE(align(part, 0.0)) << part;
    EXPECT_NEAR(*align(part, 0.0), expected, 10.0 * kTrain * eps / (part * part)) << part;
  }
  // The twin: with digits of single precision only, and with none.
  EXPECT_FALSE(align(1e-5, 0.5 * std::numeric_limits<float>::epsilon()));
  EXPECT_TRUE(align(1e-2, 0.5 * std::numeric_limits<float>::epsilon()));
  for (const double part : {1e-9, 1e-12, 0.0}) {
    EXPECT_FALSE(align(part, 0.0)) << part;
  }
}

/// Ordinary principal components of the features: projections of all points on the axes of the
/// training points' second moments.
Matrix<double> of_features(bool is_centred) {
  std::vector<double> mean(kFeatures, 0.0);
  for (std::int64_t f = 0; is_centred && f < kFeatures; ++f) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      mean[static_cast<std::size_t>(f)] += feature(i, f) / static_cast<double>(kTrain);
    }
  }
  Matrix<double> phi(kTrain + kTest, kFeatures);
  for (std::int64_t f = 0; f < kFeatures; ++f) {
    for (std::int64_t i = 0; i < phi.rows(); ++i) {
      phi(i, f) = feature(i, f) - mean[static_cast<std::size_t>(f)];
    }
  }
  const auto train = std::as_const(phi).view().block(0, 0, kTrain, kFeatures);
  Matrix<double> moments(kFeatures, kFeatures);
  multiply<double>(Transpose::yes, Transpose::no, 1.0, train, train, 0.0, moments.view());
  const LocalEigenSystem axes = diagonalise_local(std::as_const(moments).view());
  return product(phi, axes.vectors);
}

void expect_components(bool is_centred, const PrincipalComponents& components,
                       const Matrix<double>& on_test) {
  const Matrix<double> expected = of_features(is_centred);
  for (std::int64_t j = 0; j < kFeatures; ++j) {
    const double* axis = expected.column(kFeatures - 1 - j);
    double mean_square = 0.0;
    double sign = 0.0;
    for (std::int64_t i = 0; i < kTrain; ++i) {
      mean_square += axis[i] * axis[i] / static_cast<double>(kTrain);
      sign += axis[i] * components.train(i, j);
    }
    EXPECT_NEAR(components.eigenvalue[static_cast<std::size_t>(j)], mean_square, kTolerance);
    for (std::int64_t i = 0; i < kTrain; ++i) {
      EXPECT_NEAR(components.train(i, j), std::copysign(1.0, sign) * axis[i], 1e2 * kTolerance);
    }
    for (std::int64_t i = 0; i < kTest; ++i) {
      EXPECT_NEAR(on_test(i, j), std::copysign(1.0, sign) * axis[kTrain + i], 1e2 * kTolerance);
    }
    const double* column = components.train.column(j);
    const double largest = *std::max_element(
        column, column + kTrain, [](double a, double b) { return std::abs(a) < std::abs(b); });
    EXPECT_GT(largest, 0.0);
  }
  // The rank of the features is less than the number of components: the rest are zero.
  for (std::int64_t j = kFeatures; j < components.train.cols(); ++j) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      EXPECT_EQ(components.train(i, j), 0.0);
    }
    for (std::int64_t i = 0; i < kTest; ++i) {
      EXPECT_EQ(on_test(i, j), 0.0);
    }
  }
}

PrincipalComponents components_of(const Matrix<double>& matrix, std::span<const double> means) {
  const std::int64_t count = kFeatures + 2;
  const LocalEigenSystem eigen = diagonalise_local(matrix.view());
  Matrix<double> vectors(kTrain, count);
  std::vector<double> values;
  for (std::int64_t j = 0; j < count; ++j) {
    values.push_back(eigen.values[static_cast<std::size_t>(kTrain - 1 - j)]);
    std::copy_n(eigen.vectors.column(kTrain - 1 - j), kTrain, vectors.column(j));
  }
  const std::vector<double> levels(values.size(), 1e-13 * values.front());
  return principal_components(values, std::move(vectors), levels, means);
}

TEST(PrincipalComponentsTest, AreThoseOfTheFeatures) {
  const Matrix<double> k = kernels(0, kTrain);
  const Matrix<double> of_test = kernels(kTrain, kTrain + kTest);
  const PrincipalComponents components = components_of(k, {});
  expect_components(false, components,
                    projections(components, product(of_test, components.weights)));
}

TEST(PrincipalComponentsTest, PairsWithinTheirErrorProjectOnZero) {
  const std::vector<double> values{2.0, 1e-3};
  const auto components = [&](double error) {
    Matrix<double> unit(2, 2);
    unit(0, 0) = 1.0;
    unit(1, 1) = 1.0;
    const std::vector<double> levels{error, error};
    return principal_components(values, std::move(unit), levels, {});
  };
  EXPECT_EQ(components(1e-2).train(1, 1), 0.0);
  EXPECT_DOUBLE_EQ(components(1e-2).train(0, 0), std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(components(1e-4).train(1, 1), std::sqrt(1e-3));
}

TEST(PrincipalComponentsTest, AreThoseOfCentredFeatures) {
  const Matrix<double> k = kernels(0, kTrain);
  const Matrix<double> of_test = kernels(kTrain, kTrain + kTest);
  std::vector<double> means(kTrain, 0.0);
  for (std::int64_t j = 0; j < kTrain; ++j) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      means[static_cast<std::size_t>(i)] += k(i, j) / static_cast<double>(kTrain);
    }
  }
  const PrincipalComponents components = components_of(centred(k), means);
  expect_components(true, components,
                    projections(components, product(of_test, components.weights)));
  // The check can fail: without the means test points lie elsewhere.
  const Matrix<double> shifted = product(of_test, components.weights);
  EXPECT_GT(std::abs(shifted(0, 0) - projections(components, shifted.clone())(0, 0)), 1e-3);
}

}  // namespace
}  // namespace ntkflow
