#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "kernel/multiprecision.hpp"
#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 5;

double raw_sample(std::int64_t position, std::int64_t input) {
  return RandomStream(7, 1).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}
double test_sample(std::int64_t position, std::int64_t input) {
  return RandomStream(7, 2).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}

Architecture relu_network(int depth = 3) {
  return {depth, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
}

/// One kernel value by the slow scalar recursion.
double expected(KernelType type, const test::SampleFunction& f, std::int64_t i,
                const test::SampleFunction& g, std::int64_t j, int depth = 3) {
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
  for (std::int64_t k = 0; k < kDimension; ++k) {
    xx += f(i, k) * f(i, k);
    yy += g(j, k) * g(j, k);
    xy += f(i, k) * g(j, k);
  }
  const auto values = reference::kernels(relu_network(depth), kDimension, {xx, yy, xy});
  return type == KernelType::ntk ? values.ntk : values.nngp;
}

/// Largest relative difference between a matrix and an element function, over all ranks.
template <class Real, class Function>
double distance(const DistMatrix<Real>& a, Function&& f) {
  double worst = 0.0;
  const auto local = a.local();
  for (std::int64_t j = 0; j < local.cols; ++j) {
    for (std::int64_t i = 0; i < local.rows; ++i) {
      const double value = f(a.row_map().to_global({i}).value, a.col_map().to_global({j}).value);
      worst = std::max(worst, test::relative_difference(static_cast<double>(local(i, j)), value));
    }
  }
  return a.grid()->comm().max(worst);
}

template <class Visit>
void for_each_layout(Visit&& visit) {
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    for (const std::int64_t n : {1, 2, 13, 31}) {
      for (const std::int64_t block : {1, 3, 7, 64}) {
        SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.cols << ", n = " << n
                                        << ", block = " << block);
        visit(grid, n, block);
      }
    }
  }
}

// The recursion of depth 3 makes some tens of rounding errors, and close pairs amplify those of the
// product.
constexpr double kKernelBound = 1e-13;

TEST(KernelMatrixTest, FillsTheLowerTriangleAndClearsTheUpper) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
      const auto kernel =
          test::make_kernel<double>(grid, relu_network(), type, block, kDimension, n, raw_sample);
      const auto k = kernel.assemble_symmetric(Triangle::lower, silent_monitor());
      EXPECT_LE(distance(k,
                         [&](std::int64_t i, std::int64_t j) {
                           return i >= j ? expected(type, raw_sample, i, raw_sample, j) : 0.0;
                         }),
                kKernelBound);
    }
  });
}

/// Elements that are zero on or below the diagonal, or not zero above it, over all ranks.
std::int64_t count_not_lower(const DistMatrix<double>& k) {
  double count = 0.0;
  for (std::int64_t j = 0; j < k.local_cols(); ++j) {
    for (std::int64_t i = 0; i < k.local_rows(); ++i) {
      const bool is_lower = k.row_map().to_global({i}) >= k.col_map().to_global({j});
      count += (k.local()(i, j) != 0.0) == is_lower ? 0.0 : 1.0;
    }
  }
  k.grid()->comm().sum(std::span(&count, 1));
  return static_cast<std::int64_t>(count);
}

TEST(KernelMatrixTest, ClearsTheUpperTriangleWhereTilesCrossTheDiagonal) {
  const auto world = Communicator::world();
  constexpr std::int64_t kSize = 2 * kTileCols + 89;
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    for (const std::int64_t block : {7, 64}) {
      SCOPED_TRACE(testing::Message()
                   << shape.rows << " x " << shape.cols << ", block = " << block);
      const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                    kDimension, kSize, raw_sample);
      const auto assembled = [&](Triangle triangle) {
        return count_not_lower(kernel.assemble_symmetric(triangle, silent_monitor()));
      };
      EXPECT_EQ(assembled(Triangle::lower), 0);
      EXPECT_EQ(assembled(Triangle::both), kSize * (kSize - 1) / 2);
    }
  }
}

/// Elements of this rank that are not those of the other matrix, over all ranks.
std::int64_t count_differences(const DistMatrix<float>& a, const DistMatrix<double>& b) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < a.local_rows() * a.local_cols(); ++i) {
    count += a.local().data[i] == static_cast<float>(b.local().data[i]) ? 0 : 1;
  }
  return a.grid()->comm().sum(count);
}

TEST(KernelMatrixTest, StoresValuesInDoubleRoundedToSingle) {
  const auto world = Communicator::world();
  constexpr std::int64_t kSize = kTileCols + 89;
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    for (const std::int64_t block : {7, 64}) {
      SCOPED_TRACE(testing::Message()
                   << shape.rows << " x " << shape.cols << ", block = " << block);
      const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                    kDimension, kSize, raw_sample);
      auto rounded = kernel.assemble_rounded(silent_monitor());
      const auto whole = kernel.assemble_symmetric(Triangle::lower, silent_monitor());
      EXPECT_EQ(count_differences(rounded, whole), 0);
      if (rounded.row_map().is_mine({kSize - 1}) && rounded.col_map().is_mine({kSize - 1})) {
        float& last = rounded.local()(rounded.local_rows() - 1, rounded.local_cols() - 1);
        last = std::nextafter(last, 0.0F);
      }
      EXPECT_EQ(count_differences(rounded, whole), 1);
    }
  }
}

TEST(KernelMatrixTest, FillsBothTriangles) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                  kDimension, n, raw_sample);
    const auto k = kernel.assemble_symmetric(Triangle::both, silent_monitor());
    EXPECT_LE(distance(k,
                       [&](std::int64_t i, std::int64_t j) {
                         return expected(KernelType::ntk, raw_sample, i, raw_sample, j);
                       }),
              kKernelBound);
  });
}

TEST(KernelMatrixTest, FillsAMatrixForEachDepth) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
      const auto kernel =
          test::make_kernel<double>(grid, relu_network(4), type, block, kDimension, n, raw_sample);
      const auto matrices = kernel.assemble_symmetric_by_depth(silent_monitor());
      ASSERT_EQ(matrices.size(), 4U);
      for (int depth = 1; depth <= 4; ++depth) {
        EXPECT_LE(distance(matrices[static_cast<std::size_t>(depth - 1)],
                           [&](std::int64_t i, std::int64_t j) {
                             return expected(type, raw_sample, i, raw_sample, j, depth);
                           }),
                  kKernelBound)
            << depth;
      }
    }
  });
}

TEST(KernelMatrixTest, AWrongElementIsSeen) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, 3,
                                                kDimension, 13, raw_sample);
  const auto k = kernel.assemble_symmetric(Triangle::both, silent_monitor());
  const double worst = distance(k, [&](std::int64_t i, std::int64_t j) {
    return expected(KernelType::ntk, raw_sample, i, raw_sample, j) *
           (i == 12 && j == 5 ? 1.0 + 1e-11 : 1.0);
  });
  EXPECT_GT(worst, kKernelBound);
}

TEST(KernelMatrixTest, AssemblesColumnsOfARectangle) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const std::int64_t m = 2 * block * grid->shape().cols + 3;
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                  kDimension, n, raw_sample, m, test_sample);
    const std::int64_t begin = block * grid->shape().cols;
    const auto columns = kernel.assemble_columns(begin, m);
    EXPECT_LE(distance(columns,
                       [&](std::int64_t i, std::int64_t j) {
                         return expected(KernelType::ntk, raw_sample, i, test_sample, begin + j);
                       }),
              kKernelBound);
  });
}

TEST(KernelMatrixTest, SymmetricProductEqualsTheSumOverAllPairs) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                  kDimension, n, raw_sample);
    Matrix<double> x(n, 2);
    for (std::int64_t i = 0; i < n; ++i) {
      x(i, 0) = 1.0 + static_cast<double>(i % 3);
      x(i, 1) = i == n / 2 ? 1.0 : 0.0;
    }
    const Matrix<double> product = kernel.multiply_symmetric(x, silent_monitor());
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t c = 0; c < 2; ++c) {
        double sum = 0.0;
        for (std::int64_t j = 0; j < n; ++j) {
          sum += expected(KernelType::ntk, raw_sample, i, raw_sample, j) * x(j, c);
        }
        EXPECT_LE(test::relative_difference(product(i, c), sum), kKernelBound);
      }
    }
  });
}

TEST(KernelMatrixTest, TransposedProductPredicts) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const std::int64_t m = 17;
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, block,
                                                  kDimension, n, raw_sample, m, test_sample);
    Matrix<double> x(n, 1);
    for (std::int64_t i = 0; i < n; ++i) {
      x(i, 0) = 1.0 + static_cast<double>(i % 4);
    }
    const Matrix<double> product = kernel.multiply_transposed(x, silent_monitor());
    for (std::int64_t j = 0; j < m; ++j) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < n; ++i) {
        sum += expected(KernelType::ntk, raw_sample, i, test_sample, j) * x(i, 0);
      }
      EXPECT_LE(test::relative_difference(product(j, 0), sum), kKernelBound);
    }
  });
}

TEST(KernelMatrixTest, TilesLargerThanOneGiveTheSame) {
  // More samples than a tile has rows and columns, checked against K times unit vectors near the
  // tile borders.
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const std::int64_t n = 2 * kTileRows + 37;
  const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, 64,
                                                kDimension, n, raw_sample);
  const auto k = kernel.assemble_symmetric(Triangle::lower, silent_monitor());
  Matrix<double> x(n, 3);
  x(kTileCols, 0) = 1.0;
  x(kTileRows - 1, 1) = 1.0;
  x(n - 1, 2) = 1.0;
  const Matrix<double> product = kernel.multiply_symmetric(x, silent_monitor());
  double worst = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t columns[] = {kTileCols, kTileRows - 1, n - 1};
    for (std::int64_t c = 0; c < 3; ++c) {
      worst = std::max(
          worst, test::relative_difference(product(i, c), expected(KernelType::ntk, raw_sample, i,
                                                                   raw_sample, columns[c])));
    }
  }
  EXPECT_LE(worst, kKernelBound);
  EXPECT_LE(distance(k,
                     [&](std::int64_t i, std::int64_t j) {
                       return i >= j ? expected(KernelType::ntk, raw_sample, i, raw_sample, j)
                                     : 0.0;
                     }),
            kKernelBound);
}

/// Samples in pairs x, x + tiny, with 1 - rho from about 1e-3 down to 1e-15.
double twin_sample(std::int64_t position, std::int64_t input) {
  const auto pair = static_cast<double>(position / 2);
  const double step =
      position % 2 == 0 ? 0.0 : std::pow(10.0, -1.5 - pair) * raw_sample(position + 100, input);
  return raw_sample(position / 2, input) + step;
}

TEST(KernelMatrixTest, NearlyEqualSamplesKeepAllDigits) {
  constexpr std::int64_t kPairs = 7;
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, 3,
                                                  kDimension, 2 * kPairs, twin_sample);
    const auto k = kernel.assemble_symmetric(Triangle::both, silent_monitor());
    const auto local = k.local();
    for (std::int64_t pair = 0; pair < kPairs; ++pair) {
      const GlobalIndex i{2 * pair};
      const GlobalIndex j{2 * pair + 1};
      if (!k.row_map().is_mine(i) || !k.col_map().is_mine(j)) {
        continue;
      }
      test::Digits50 xx = 0;
      test::Digits50 yy = 0;
      test::Digits50 xy = 0;
      for (std::int64_t input = 0; input < kDimension; ++input) {
        const test::Digits50 x = twin_sample(i.value, input);
        const test::Digits50 y = twin_sample(j.value, input);
        xx += x * x;
        yy += y * y;
        xy += x * y;
      }
      const auto exact = test::exact_kernels(relu_network(), kDimension, xx, yy, xy);
      const double value = local(k.row_map().to_local(i).value, k.col_map().to_local(j).value);
      const double bound = test::ulp_bound<double>(450.0, 1.0);  // 1e-13
      EXPECT_LE(test::relative_error(value, exact.ntk), bound) << pair;
      EXPECT_GT(test::relative_error(value * (1.0 + 3.0 * bound), exact.ntk), bound);
    }
  }
}

TEST(KernelMatrixTest, EqualSamplesGiveEqualRows) {
  const auto repeated = [](std::int64_t position, std::int64_t input) {
    return raw_sample(position % 10, input);
  };
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::ntk, 3,
                                                  kDimension, 20, repeated);
    const auto columns =
        gather_columns(kernel.assemble_symmetric(Triangle::both, silent_monitor()), 0, 20);
    for (std::int64_t j = 0; j < columns.cols(); ++j) {
      for (std::int64_t i = 0; i < 10; ++i) {
        EXPECT_LE(std::abs(columns(i, j) - columns(i + 10, j)),
                  test::ulp_bound<double>(8, columns(i, j)));
      }
    }
    const Share mine = contiguous_share(20, world.size(), world.rank());
    for (std::int64_t j = mine.begin; j < mine.end; ++j) {
      EXPECT_EQ(columns(j, j - mine.begin), columns((j + 10) % 20, j - mine.begin));
    }
  }
}

TEST(KernelMatrixTest, SinglePrecisionFollows) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel = test::make_kernel<float>(grid, relu_network(), KernelType::ntk, 7, kDimension,
                                               31, raw_sample);
  const auto k = kernel.assemble_symmetric(Triangle::both, silent_monitor());
  // The recursion amplifies the rounding of the inputs to float by at most some tens.
  const double bound = 100.0 * test::kEps<float>;
  EXPECT_LE(distance(k,
                     [&](std::int64_t i, std::int64_t j) {
                       return expected(KernelType::ntk, raw_sample, i, raw_sample, j);
                     }),
            bound);
}

TEST(KernelMatrixTest, DiagonalIsThatOfEverySample) {
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto kernel = test::make_kernel<double>(grid, relu_network(), KernelType::nngp, block,
                                                  kDimension, n, raw_sample);
    const auto diagonal = kernel.column_diagonal();
    ASSERT_EQ(static_cast<std::int64_t>(diagonal.size()), n);
    for (std::int64_t i = 0; i < n; ++i) {
      EXPECT_LE(test::relative_difference(diagonal[static_cast<std::size_t>(i)],
                                          expected(KernelType::nngp, raw_sample, i, raw_sample, i)),
                kKernelBound);
    }
  });
}

}  // namespace
}  // namespace ntkflow
