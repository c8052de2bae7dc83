#pragma once

#include <cstdint>
#include <string>

#include <ntkflow/dist/communicator.hpp>

/// The end of a job whose parallel HDF5 file cannot be written. Closing such a file hangs: with
/// HDF5 1.10 on Open MPI 4.1, after a write on a full disk one rank waits in a metadata barrier of
/// H5Fclose and another in a broadcast. So nothing is closed, and the job ends through MPI_Abort.
namespace ntkflow::write_failure {

/// A write as the user is told about it.
struct Attempt {
  std::string partial;     ///< the file on disk, removed before the end
  std::string action;      ///< as "write the data set '/regression/coefficients' of 'out.h5'"
  std::int64_t bytes = 0;  ///< that this rank was writing
};

/// Returns when every rank passes an empty `error`. Otherwise the lowest failing rank prints one
/// sentence and removes the file, and all ranks end with ExitCode::resources. Collective over comm;
/// a failing rank that waits in vain for the others, because they hang in the library, ends the job
/// by itself.
void end_job_if_any(const Communicator& comm, const Attempt& attempt, const std::string& error);

/// Returns when all ranks arrive within `seconds`. Otherwise this rank unwinds alone and what
/// follows would wait for the others for ever: it prints one sentence, removes the file `partial`
/// (empty: none) and ends all ranks with ExitCode::internal. Collective over comm, which must be
/// used for nothing else: the others may be waiting in any other communicator.
void end_job_if_alone(const Communicator& comm, double seconds, const std::string& partial);

}  // namespace ntkflow::write_failure
