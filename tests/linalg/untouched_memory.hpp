#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <ntkflow/dist/communicator.hpp>

// Matrices larger than a test may use: memory of zeros becomes real page by page at the first
// write, and reads of the rest share one page.
namespace ntkflow::test {

/// Keeps this process from huge pages, which a write to one element takes whole, and a read may.
class SmallPages {
 public:
  SmallPages() { disable_huge_pages(1); }
  ~SmallPages() { disable_huge_pages(0); }
  SmallPages(const SmallPages&) = delete;
  SmallPages& operator=(const SmallPages&) = delete;
  SmallPages(SmallPages&&) = delete;
  SmallPages& operator=(SmallPages&&) = delete;

 private:
  static void disable_huge_pages([[maybe_unused]] unsigned long disable) {
#if defined(__linux__)
    prctl(PR_SET_THP_DISABLE, disable, 0UL, 0UL, 0UL);
#endif
  }
};

/// Why this process should not run a test on such a matrix; empty where it should.
inline std::string_view no_place_for_large_matrix() {
#if !defined(__OPTIMIZE__)
  return "takes minutes without optimisation";
#else
  return Communicator::world().size() > 1 ? "one rank holds the most" : "";
#endif
}

/// An order at which a square matrix takes a little more than 2^31 bytes.
template <class Real>
std::int64_t order_beyond_two_gibibytes() {
  return static_cast<std::int64_t>(std::sqrt(2147483648.0 / sizeof(Real))) + 400;
}

}  // namespace ntkflow::test
