#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <support/stop_at_question.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/linalg/cholesky.hpp>

#include "lookahead.hpp"
#include "matrices.hpp"

// The look-ahead routine alone. What factor_cholesky promises whatever the routine is tested, for
// both, in test_cholesky.cpp.
namespace ntkflow::test {
namespace {

/// Whether this rank's part of the strict upper triangle holds sentinels, bit for bit.
template <class Real>
bool upper_is_untouched(const DistMatrix<Real>& a) {
  const auto local = a.local();
  for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
    for (std::int64_t i_loc = 0; i_loc < local.rows; ++i_loc) {
      if (a.row_map().to_global({i_loc}) < a.col_map().to_global({j_loc}) &&
          local(i_loc, j_loc) != static_cast<Real>(kSentinel)) {
        return false;
      }
    }
  }
  return true;
}

template <class Real>
class LookaheadTest : public testing::Test {};
TYPED_TEST_SUITE(LookaheadTest, Precisions);

TYPED_TEST(LookaheadTest, AgreesWithScalapack) {
  using Real = TypeParam;
  constexpr double kCondition = 9.0;  // of KacMurdockSzego with correlation 1 / 2
  for_each_layout([&](const auto& grid, std::int64_t n, std::int64_t block) {
    auto a = distribute_lower<Real>(grid, n, block, KacMurdockSzego{});
    auto outcome = factor_cholesky(a.clone(), Factorization::scalapack);
    const auto* reference = std::get_if<CholeskyFactor<Real>>(&outcome);
    ASSERT_ALL_RANKS(reference != nullptr, grid->comm());

    EXPECT_EQ(factor_lookahead(a, silent_monitor()), 0);

    const auto expected = lower_triangle(replicate(reference->matrix()));
    auto l = lower_triangle(replicate(a));
    const double bound = factor_bound<Real>(n, kCondition, norm_1(expected));
    EXPECT_LE(distance_1(l, expected), bound);
    l(n - 1, n / 2) += 2.0 * bound;
    EXPECT_GT(distance_1(l, expected), bound) << "a wrong factor passes";
  });
}

TYPED_TEST(LookaheadTest, StopsAtFirstBadMinorAnywhereInPanel) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const std::int64_t middle = n / 2 / block * block;  // first column of a panel in the middle
    const std::int64_t last = (n - 1) / block * block;
    std::set<std::int64_t> columns;  // the first, one in the middle and the last of each panel
    for (const std::int64_t panel : {std::int64_t{0}, middle, last}) {
      const std::int64_t width = std::min(block, n - panel);
      columns.insert({panel, panel + width / 2, panel + width - 1});
    }
    for (const std::int64_t bad : columns) {
      for (const double value : {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN(),
                                 std::numeric_limits<double>::infinity()}) {
        auto a = distribute_lower<Real>(grid, n, block, [&](std::int64_t i, std::int64_t j) {
          return i == bad && j == bad ? value : KacMurdockSzego{}(i, j);
        });
        const auto outcome = factor_cholesky(a.clone(), Factorization::scalapack);
        const auto* reference = std::get_if<NotPositiveDefinite>(&outcome);

        const std::int64_t order = factor_lookahead(a, silent_monitor());

        EXPECT_EQ(order, bad + 1) << value;
        EXPECT_TRUE(reference != nullptr && order == reference->order) << value;
        EXPECT_TRUE(same_on_all_ranks(static_cast<double>(order)));
        EXPECT_TRUE(upper_is_untouched(a)) << value << " at " << bad;
      }
    }
  });
}

TYPED_TEST(LookaheadTest, UpperTriangleCheckSeesOneChange) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const auto a = distribute<Real>(grid, 11, 11, 3, [](std::int64_t i, std::int64_t j) {
      return i == 4 && j == 9 ? 0.0 : kSentinel;
    });
    EXPECT_FALSE(grid->comm().agree(upper_is_untouched(a)).ok);
  });
}

/// What the interruption says, empty if there is none.
template <class Real>
std::string interruption(DistMatrix<Real> a, Monitor& monitor) {
  try {
    factor_cholesky(std::move(a), Factorization::lookahead, monitor);
  } catch (const InterruptedError& error) {
    return error.what();
  }
  return {};
}

TYPED_TEST(LookaheadTest, StopsOnAllRanksAtPanelOfTheRankThatAsks) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 41;
  constexpr std::int64_t kBlock = 4;
  constexpr std::int64_t kPanels = 11;
  for_each_grid([&](const auto& grid) {
    const auto a = distribute_lower<Real>(grid, kOrder, kBlock, KacMurdockSzego{});
    for (int rank = 0; rank < grid->comm().size(); ++rank) {
      const int row = rank / grid->shape().cols;
      const int col = rank % grid->shape().cols;
      std::vector<std::int64_t> asked;  // panels whose diagonal block is on this rank
      for (std::int64_t k = 0; k < kPanels; ++k) {
        if (k % grid->shape().rows == row && k % grid->shape().cols == col) {
          asked.push_back(k);
        }
      }
      for (std::size_t question = 0; question <= asked.size(); ++question) {
        StopAtQuestion stops(static_cast<int>(question));
        Monitor& monitor = grid->comm().rank() == rank ? stops : silent_monitor();

        const std::string text = interruption(a.clone(), monitor);

        if (question < asked.size()) {
          const std::string expected = "after " + std::to_string(asked[question] * kBlock) +
                                       " of " + std::to_string(kOrder) + " columns";
          EXPECT_NE(text.find(expected), std::string::npos) << text << ", not " << expected;
        } else {
          EXPECT_EQ(text, "") << "rank " << rank << " was asked once too often";
        }
      }
    }
  });
}

/// Keeps what it is told.
class Recorder : public Monitor {
 public:
  void progress(std::int64_t done, std::int64_t total) override {
    done_.push_back(done);
    total_ = total;
  }
  [[nodiscard]] const std::vector<std::int64_t>& done() const { return done_; }
  [[nodiscard]] std::int64_t total() const { return total_; }

 private:
  std::vector<std::int64_t> done_;
  std::int64_t total_ = 0;
};

TYPED_TEST(LookaheadTest, ReportsProgressAtEveryPanelUpToTotal) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    Recorder recorder;
    auto a = distribute_lower<Real>(grid, n, block, KacMurdockSzego{});

    EXPECT_EQ(factor_lookahead(a, recorder), 0);

    const auto& done = recorder.done();
    ASSERT_ALL_RANKS(static_cast<std::int64_t>(done.size()) == (n + block - 1) / block,
                     grid->comm());
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
    EXPECT_GT(done.front(), 0);
    EXPECT_EQ(done.back(), recorder.total());
  });
}

/// L of KacMurdockSzego: correlation^(i - j), times sqrt(1 - correlation^2) for j > 0.
TEST(LookaheadLargeTest, CutsWideProductsInPieces) {
  using Real = float;
  if (Communicator::world().size() > 1) {
    GTEST_SKIP() << "products are wide enough on one rank only";
  }
  constexpr std::int64_t kOrder = 4500;  // the widest product then has more than 2,048 columns
  constexpr double kCorrelation = 0.9;
  std::vector<double> power(kOrder, 1.0);
  for (std::size_t i = 1; i < power.size(); ++i) {
    power[i] = power[i - 1] * kCorrelation;
  }
  const auto element = [&](std::int64_t i, std::int64_t j) {
    return power[static_cast<std::size_t>(std::abs(i - j))];
  };
  const auto grid = ProcessGrid::create(Communicator::world(), {1, 1});
  auto a = distribute_lower<Real>(grid, kOrder, 250, element);

  EXPECT_EQ(factor_lookahead(a, silent_monitor()), 0);

  double worst = 0.0;
  for (std::int64_t j = 0; j < kOrder; ++j) {
    const double scale = j == 0 ? 1.0 : std::sqrt(1.0 - kCorrelation * kCorrelation);
    for (std::int64_t i = j; i < kOrder; ++i) {
      worst =
          std::max(worst, std::abs(static_cast<double>(a.local()(i, j)) - scale * element(i, j)));
    }
  }
  constexpr double kCondition = 361.0;  // ((1 + 0.9) / (1 - 0.9))^2
  EXPECT_LE(worst, factor_bound<Real>(kOrder, kCondition, 1.0));
  EXPECT_TRUE(upper_is_untouched(a));
}

TEST(LookaheadWorkspaceTest, BytesOfDocumentedBuffers) {
  constexpr std::int64_t kLine = 64;  // the status word in front of a panel, padded
  // n = 100, block 10: 90 rows and columns after the first panel.
  EXPECT_EQ(lookahead_workspace_bytes(100, 10, {1, 1}, 8),
            3 * kLine + 8 * std::int64_t{3 * 90 * 10 + 10 * 10});
  // On 2 x 3: at most 5 of the 9 later blocks in a process row, 3 in a column; columns gathered.
  EXPECT_EQ(lookahead_workspace_bytes(100, 10, {2, 3}, 4),
            3 * kLine + 4 * std::int64_t{2 * 50 * 10 + 2 * 30 * 10 + 10 * 10});
  // One panel: nothing below it.
  EXPECT_EQ(lookahead_workspace_bytes(7, 64, {1, 2}, 8), 3 * kLine + std::int64_t{8 * 7 * 7});
  // Beyond 32 bits.
  EXPECT_EQ(lookahead_workspace_bytes(4'000'000, 1000, {1, 1}, 8),
            3 * kLine + 8 * (3 * 3'999'000LL * 1000 + std::int64_t{1000 * 1000}));
}

}  // namespace
}  // namespace ntkflow::test
