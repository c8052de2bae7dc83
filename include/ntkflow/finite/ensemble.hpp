#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// Calls work(k) for each member k = 0 ... members - 1 of an ensemble, on rank k mod P. `work` must
/// not communicate; where it throws, all ranks throw. Collective over comm.
template <class Work>
void for_each_member(const Communicator& comm, std::int64_t members, Work&& work) {
  collectively(comm, [&] {
    for (std::int64_t k = comm.rank(); k < members; k += comm.size()) {
      work(k);
    }
  });
}

/// What work(k), a std::vector<double> of `size` finite values, is for each member: column k of
/// [size x members], on every rank, and the same bits on any number of them. Collective over comm.
template <class Work>
Matrix<double> collect_members(const Communicator& comm, std::int64_t members, std::int64_t size,
                               Work&& work) {
  Matrix<double> results;
  collectively(comm, [&] { results = Matrix<double>(size, members); });
  for_each_member(comm, members, [&](std::int64_t k) {
    const std::vector<double> values = work(k);
    NTKFLOW_EXPECTS(static_cast<std::int64_t>(values.size()) == size, values.size(), size);
    // The sum over ranks turns -0 into 0 where there is more than one.
    std::transform(values.begin(), values.end(), results.column(k),
                   [](double value) { return value + 0.0; });
  });
  comm.sum({results.data(), static_cast<std::size_t>(results.size())});
  return results;
}

}  // namespace ntkflow
