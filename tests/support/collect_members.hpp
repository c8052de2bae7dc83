#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/finite/ensemble.hpp>

namespace ntkflow::test {

/// What work(k), a vector of `size` values, is for each member of an ensemble: column k, whole on
/// every rank. Sums with zeros change no bits. Collective over comm.
template <class Work>
Matrix<double> collect_members(const Communicator& comm, std::int64_t members, std::int64_t size,
                               const Work& work) {
  Matrix<double> results(size, members);
  for_each_member(comm, members, [&](std::int64_t k) {
    const std::vector<double> values = work(k);
    std::copy(values.begin(), values.end(), results.column(k));
  });
  comm.sum({results.data(), static_cast<std::size_t>(results.size())});
  return results;
}

}  // namespace ntkflow::test
