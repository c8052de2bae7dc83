#include "ntkflow/base/aligned_buffer.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace ntkflow {

void prefer_huge_pages(void* data, std::int64_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  // From this size on, glibc gives every block a mapping of its own, which ends with the block;
  // advice on its common heap would outlive it.
  constexpr std::int64_t kLargeBytes = std::int64_t{32} << 20;
  const std::int64_t page = sysconf(_SC_PAGESIZE);
  if (bytes < kLargeBytes || page <= 0) {
    return;
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const auto skipped = static_cast<std::int64_t>(begin) % page;
  // Advice: where it is refused, pages of the usual size do as well.
  (void)madvise(static_cast<char*>(data) - skipped, static_cast<std::size_t>(bytes + skipped),
                MADV_HUGEPAGE);
#else
  (void)data;
  (void)bytes;
#endif
}

}  // namespace ntkflow
