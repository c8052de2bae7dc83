#pragma once

#include <cstdint>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// Calls work(k) for each member k = 0 ... members - 1 of an ensemble, on rank k mod P. `work` must
/// not communicate; where it throws, all ranks throw, when each has done its members. Collective
/// over comm.
template <class Work>
void for_each_member(const Communicator& comm, std::int64_t members, Work&& work) {
  collectively(comm, [&] {
    for (std::int64_t k = comm.rank(); k < members; k += comm.size()) {
      work(k);
    }
  });
}

}  // namespace ntkflow
