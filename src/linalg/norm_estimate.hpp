#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace ntkflow {

/// Estimates ||B||_1 of a symmetric matrix that is known by its products alone: a lower bound,
/// seldom below a third of the norm. `multiply` replaces x [n] by B x; it is called at most 11
/// times, and with the same x on all ranks where they agree on its results. NaN when a product
/// holds one. Local. Ref: Higham, ACM Trans. Math. Softw. 14 (1988) 381, algorithm 4.1.
double estimate_symmetric_norm(std::int64_t n,
                               const std::function<void(std::vector<double>& x)>& multiply);

}  // namespace ntkflow
