#include <cmath>
#include <limits>
#include <optional>

#include <gtest/gtest.h>
#include <support/mpi_test.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>

#include "dense_operator.hpp"
#include "matrices.hpp"
#include "ntkflow/linalg/block_krylov.hpp"

namespace ntkflow::test {
namespace {

/// The second difference and its exact inverse.
struct Problem {
  explicit Problem(std::int64_t n)
      : a(dense<double>(n, n, SecondDifference{})),
        inverse(dense<double>(n, n, [n](std::int64_t i, std::int64_t j) {
          return SecondDifference::inverse(n, i, j);
        })) {}
  DenseOperator a;
  DenseOperator inverse;
};

Matrix<double> random_block(std::int64_t n, std::int64_t k) {
  const RandomStream stream(5, 1);
  return dense<double>(n, k, [&](std::int64_t i, std::int64_t j) {
    return stream.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j));
  });
}

Matrix<double> identity(std::int64_t n) {
  return dense<double>(n, n, [](std::int64_t i, std::int64_t j) { return i == j ? 1.0 : 0.0; });
}

Matrix<double> copy(MatrixView<const double> view) {
  return dense<double>(view.rows, view.cols,
                       [&](std::int64_t i, std::int64_t j) { return view(i, j); });
}

/// Q of the space, whole on every rank.
Matrix<double> basis_of(const BlockKrylov& space) {
  return space.combine(identity(space.dimension()));
}

BlockKrylov make_space(const Communicator& comm, const Problem& problem, bool extended,
                       const Matrix<double>& start, std::int64_t most = 1000) {
  return {comm,
          problem.a,
          extended ? &problem.inverse : nullptr,
          start,
          extended ? product(problem.inverse.a, start) : Matrix<double>(),
          most};
}

/// Largest part of a column of x outside of the span of q, relative to the column.
double outside(const Matrix<double>& q, const Matrix<double>& x) {
  const auto rest = product(q, product(transpose(q), x));
  double largest = 0.0;
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    double difference = 0.0;
    double length = 0.0;
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      difference += std::pow(x(i, j) - rest(i, j), 2);
      length += std::pow(x(i, j), 2);
    }
    largest = std::max(largest, std::sqrt(difference / length));
  }
  return largest;
}

TEST(BlockKrylovTest, HoldsAnOrthonormalBasisAndItsProjection) {
  const auto world = Communicator::world();
  for (const bool extended : {false, true}) {
    for (const std::int64_t n : {1, 2, 3, 5, 37, 61}) {
      const Problem problem(n);
      const auto start = random_block(n, 3);
      auto space = make_space(world, problem, extended, start);
      for (int step = 0; step < 4; ++step) {
        space.extend();
      }

      const std::int64_t m = space.dimension();
      EXPECT_EQ(m, std::min<std::int64_t>(n, extended ? 30 : 15));
      auto q = basis_of(space);
      const double bound = eigen_bound<double>(n, 4.0);
      EXPECT_LE(distance_1(product(transpose(q), q), identity(m)), bound);
      EXPECT_LE(
          distance_1(product(transpose(q), product(problem.a.a, q)), copy(space.projection())),
          bound);
      EXPECT_LE(distance_1(product(transpose(q), start), copy(space.start_coordinates())),
                bound * norm_1(start));
      const auto image = product(problem.a.a, q);
      EXPECT_LE(distance_1(space.combine_image(identity(m)), image), bound);
      for (std::int64_t j = 0; j < m; ++j) {
        for (std::int64_t i = 0; i < space.rows().size(); ++i) {
          EXPECT_NEAR(space.image()(i, j), image(space.rows().begin + i, j), bound);
          EXPECT_EQ(space.basis()(i, j), q(space.rows().begin + i, j));
        }
      }
      q(0, 0) += 0.1;
      EXPECT_GT(distance_1(product(transpose(q), q), identity(m)), bound) << "a wrong basis passes";
    }
  }
}

TEST(BlockKrylovTest, SpansPowersOfTheMatrixAndOfItsInverse) {
  const auto world = Communicator::world();
  const std::int64_t n = 97;
  const Problem problem(n);
  const auto start = random_block(n, 2);
  // Powers lose digits as fast as the condition number of the matrix, about (n / 2)^2, grows.
  const double bound = eigen_bound<double>(n, 1.0);
  for (const bool extended : {false, true}) {
    auto space = make_space(world, problem, extended, start);
    space.extend();
    const auto q = basis_of(space);
    auto power = start.clone();
    EXPECT_LE(outside(q, power), bound);
    power = product(problem.a.a, power);
    EXPECT_LE(outside(q, power), bound);
    EXPECT_GT(outside(q, product(problem.a.a, power)), 1e-3);
    auto solved = product(problem.inverse.a, start);
    EXPECT_EQ(outside(q, solved) <= bound, extended);
    solved = product(problem.inverse.a, solved);
    EXPECT_EQ(outside(q, solved) <= bound, extended);
    EXPECT_EQ(space.products(), 2);
    EXPECT_EQ(space.solves(), extended ? 1 : 0);
  }
}

TEST(BlockKrylovTest, LeavesOutDependentColumns) {
  const auto world = Communicator::world();
  const std::int64_t n = 53;
  const Problem problem(n);
  const auto two = random_block(n, 2);
  // Zero, a, b, a sum of both, a repetition: two independent columns.
  const auto start = dense<double>(n, 5, [&](std::int64_t i, std::int64_t j) {
    return j == 0 ? 0.0 : j == 3 ? two(i, 0) - 3.0 * two(i, 1) : two(i, j == 2 ? 1 : 0);
  });
  auto space = make_space(world, problem, true, start);
  EXPECT_EQ(space.dimension(), 4);
  space.extend();
  EXPECT_EQ(space.dimension(), 8);
  EXPECT_LE(outside(basis_of(space), two), eigen_bound<double>(n, 1.0));
}

TEST(BlockKrylovTest, EndsWhenNothingIsLeft) {
  const auto world = Communicator::world();
  const std::int64_t n = 41;
  // I + u u^T with |u| = 1, and its inverse I - u u^T / 2: any start and u span all there is.
  const auto rank_one = [n](double factor) {
    return dense<double>(n, n, [=](std::int64_t i, std::int64_t j) {
      return (i == j ? 1.0 : 0.0) + factor / static_cast<double>(n);
    });
  };
  const DenseOperator a(rank_one(1.0));
  const DenseOperator inverse(rank_one(-0.5));
  const auto start = random_block(n, 1);
  const Problem problem(n);
  for (const bool extended : {false, true}) {
    BlockKrylov space(world, a, extended ? &inverse : nullptr, start, inverse.apply(start), n);
    while (space.extend()) {
    }
    EXPECT_TRUE(space.exhausted());
    EXPECT_EQ(space.dimension(), 2);

    auto whole = make_space(world, problem, extended, random_block(n, 3));
    while (whole.extend()) {
    }
    EXPECT_TRUE(whole.exhausted());
    EXPECT_EQ(whole.dimension(), n);

    auto none = make_space(world, problem, extended, Matrix<double>(n, 3));
    EXPECT_TRUE(none.exhausted());
    EXPECT_EQ(none.dimension(), 0);
    EXPECT_EQ(none.products(), 0);
    EXPECT_FALSE(none.extend());
  }
}

TEST(BlockKrylovTest, StopsAtTheMostColumns) {
  const auto world = Communicator::world();
  const Problem problem(29);
  for (const std::int64_t most : {1, 4, 11}) {
    auto space = make_space(world, problem, true, random_block(29, 3), most);
    while (space.extend()) {
    }
    EXPECT_EQ(space.dimension(), most);
    EXPECT_FALSE(space.exhausted());
    const auto q = basis_of(space);
    EXPECT_LE(distance_1(product(transpose(q), q), identity(most)), eigen_bound<double>(29, 4.0));
  }
}

TEST(BlockKrylovTest, ProjectionIsSameBitsOnAllRanks) {
  const auto world = Communicator::world();
  const Problem problem(61);
  auto space = make_space(world, problem, true, random_block(61, 2));
  space.extend();
  for (std::int64_t j = 0; j < space.dimension(); ++j) {
    for (std::int64_t i = 0; i < space.dimension(); ++i) {
      EXPECT_TRUE(same_on_all_ranks(space.projection()(i, j)));
      EXPECT_EQ(space.projection()(i, j), space.projection()(j, i));
    }
  }
}

/// An inverse each of whose values is wrong by about 1e-5 of itself.
struct NoisyInverse : DenseOperator {
  using DenseOperator::DenseOperator;
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    auto result = product(a, x);
    const RandomStream stream(6, 2);
    for (std::int64_t i = 0; i < result.size(); ++i) {
      result.data()[i] *= 1.0 + 1e-5 * stream.normal(static_cast<std::uint64_t>(i));
    }
    return result;
  }
};

TEST(BlockKrylovTest, TakesAnApproximateInverse) {
  const auto world = Communicator::world();
  const std::int64_t n = 53;
  const Problem problem(n);
  const NoisyInverse inverse(problem.inverse.a.clone());
  const auto two = random_block(n, 2);
  // The third column is a sum of the others; its solution differs from theirs by noise alone.
  const auto start = dense<double>(n, 3, [&](std::int64_t i, std::int64_t j) {
    return j == 2 ? two(i, 0) - 3.0 * two(i, 1) : two(i, j);
  });
  BlockKrylov space(world, problem.a, &inverse, start, inverse.apply(start), n);
  EXPECT_EQ(space.dimension(), 4) << "noise counts as a direction";
  const double bound = eigen_bound<double>(n, 4.0);
  for (int step = 0; step < 40; ++step) {
    const auto q = basis_of(space);
    EXPECT_LE(distance_1(product(transpose(q), q), identity(space.dimension())), bound);
    EXPECT_LE(distance_1(product(transpose(q), product(problem.a.a, q)), copy(space.projection())),
              bound);
    EXPECT_LE(outside(q, two), bound);
    if (!space.extend()) {
      break;
    }
  }
  EXPECT_TRUE(space.exhausted());
  EXPECT_EQ(space.dimension(), n);
}

TEST(BlockKrylovTest, RefusesValuesThatAreNotFinite) {
  const auto world = Communicator::world();
  const Problem problem(13);
  const auto start = random_block(13, 1);
  const auto solved = problem.inverse.apply(start);
  // The last row is on one rank, and the last column is the image of an inverse block.
  const FailingOperator never(problem.a.a.clone(), 0);
  EXPECT_THROW(BlockKrylov(world, never, &problem.inverse, start, solved, 13), NumericalError);
  const FailingOperator second(problem.a.a.clone(), 1);
  BlockKrylov space(world, second, &problem.inverse, start, solved, 4);
  EXPECT_THROW(space.extend(), NumericalError) << "the block that fills the basis";
  const FailingOperator bad_solve(problem.inverse.a.clone(), 0);
  BlockKrylov other(world, problem.a, &bad_solve, start, solved, 13);
  EXPECT_THROW(other.extend(), NumericalError);
}

}  // namespace
}  // namespace ntkflow::test
