#pragma once

#include <cstdint>
#include <optional>

namespace ntkflow {

struct SpectrumOptions {
  std::optional<std::int64_t> count;  ///< leading eigenpairs to store; absent: all
  bool vectors = false;               ///< store eigenvectors as well
};

}  // namespace ntkflow
