#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow::test {
namespace {

template <class Value>
class AlignedBufferTest : public testing::Test {};
using Values = testing::Types<float, double, char, std::int64_t>;
TYPED_TEST_SUITE(AlignedBufferTest, Values);

TYPED_TEST(AlignedBufferTest, IsAlignedAndPadded) {
  for (const std::int64_t size : {1, 7, 8, 15, 16, 17, 63, 64, 65, 1009}) {
    for (const bool is_zeroed : {false, true}) {
      const auto buffer =
          is_zeroed ? AlignedBuffer<TypeParam>::zeroed(size) : AlignedBuffer<TypeParam>(size);

      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignmentBytes, 0U) << size;
      EXPECT_EQ(buffer.size(), size);
      EXPECT_EQ(buffer.bytes(), size * static_cast<std::int64_t>(sizeof(TypeParam)));
      // Under the address sanitizer a write past the padding would end the test.
      auto* bytes = reinterpret_cast<unsigned char*>(buffer.data());
      for (std::int64_t i = 0; i < (buffer.bytes() + 63) / 64 * 64; ++i) {
        bytes[i] = 1;
      }
    }
  }
}

TYPED_TEST(AlignedBufferTest, IsZeroWhereFreedMemoryIsUsedAgain) {
  for (const std::int64_t size : {1, 17, 1009, 100'003}) {
    for (int repeat = 0; repeat < 3; ++repeat) {
      const auto buffer = AlignedBuffer<TypeParam>::zeroed(size);
      EXPECT_EQ(std::count(buffer.data(), buffer.data() + size, TypeParam{0}), size);
      std::fill_n(buffer.data(), size, TypeParam{1});
    }
  }
}

TYPED_TEST(AlignedBufferTest, EmptyAndMoved) {
  EXPECT_EQ(AlignedBuffer<TypeParam>(0).data(), nullptr);
  EXPECT_EQ(AlignedBuffer<TypeParam>::zeroed(0).data(), nullptr);
  AlignedBuffer<TypeParam> first(3);
  first[2] = TypeParam{5};
  const AlignedBuffer<TypeParam> second = std::move(first);
  EXPECT_EQ(second[2], TypeParam{5});
}

TEST(AlignedBufferErrorTest, MoreThanThereIs) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(AlignedBuffer<double>{kMost / 8 - 8}, ResourceError);  // fits 64 bits, not memory
  EXPECT_THROW(AlignedBuffer<double>{kMost / 8}, ResourceError);
  EXPECT_THROW(AlignedBuffer<double>{kMost}, ResourceError);
  EXPECT_THROW((void)AlignedBuffer<double>::zeroed(kMost / 8 - 8), ResourceError);
  EXPECT_THROW((void)AlignedBuffer<double>::zeroed(kMost / 8), ResourceError);
  EXPECT_THROW((void)AlignedBuffer<double>::zeroed(kMost), ResourceError);
}

/// Memory that this process has resident.
std::int64_t resident_bytes() {
  std::int64_t program = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> program >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(ZeroedBufferTest, IsTakenByTheFirstWriteAndGivenBack) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory";
#endif
  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  const std::int64_t before = resident_bytes();
  {
    const auto buffer = AlignedBuffer<char>::zeroed(kBytes);
    EXPECT_LT(resident_bytes() - before, kBytes / 4);

    std::fill_n(buffer.data(), buffer.size(), char{1});
    EXPECT_GT(resident_bytes() - before, kBytes * 3 / 4);
  }
  EXPECT_LT(resident_bytes() - before, kBytes / 4);
}

TEST(MatrixTest, IsZeroAndColumnMajor) {
  Matrix<double> a(3, 2);
  for (std::int64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.data()[i], 0.0);
  }
  a(2, 1) = 7.0;

  EXPECT_EQ(a.data()[5], 7.0);
  EXPECT_EQ(a.column(1)[2], 7.0);
  EXPECT_EQ(a.clone()(2, 1), 7.0);
  EXPECT_EQ(Matrix<double>(0, 5).cols(), 5);
}

TEST(MatrixViewTest, BlocksKeepTheStride) {
  Matrix<double> a(5, 4);
  for (std::int64_t j = 0; j < 4; ++j) {
    for (std::int64_t i = 0; i < 5; ++i) {
      a(i, j) = 10.0 * static_cast<double>(i) + static_cast<double>(j);
    }
  }

  const MatrixView<const double> inner = a.view().block(1, 1, 4, 3).block(2, 1, 2, 2);

  EXPECT_EQ(inner.ld, 5);
  EXPECT_EQ(inner(0, 0), 32.0);
  EXPECT_EQ(inner(1, 1), 43.0);
  EXPECT_EQ(inner.column(1)[1], 43.0);
}

}  // namespace
}  // namespace ntkflow::test
