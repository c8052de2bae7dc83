// Ends in the way its argument names, for test_mpi_session.cpp to watch. Rank 1 fails, rank 0 waits
// for it in a barrier, except where both agree.
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <mpi.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>

namespace {

void fail(const std::string& how) {
  if (how == "abort") {
    ntkflow::MpiSession::abort(5);
  } else if (how == "uncaught") {
    throw std::runtime_error("nobody catches this");
  } else if (how == "contract") {
    NTKFLOW_EXPECTS(how.empty(), how);
  }
}

bool settings_are(const std::string& sieving, const std::string& buffering) {
  const char* first = std::getenv("OMPI_MCA_fbtl_posix_write_datasieving");
  const char* second = std::getenv("OMPI_MCA_fcoll");
  return first != nullptr && first == sieving && second != nullptr && second == buffering;
}

}  // namespace

int main(int argc, char** argv) {
  const ntkflow::MpiSession session(argc, argv);
  const auto world = ntkflow::Communicator::world();
  const std::string how = argv[1];
  if (how == "agreed") {
    try {
      ntkflow::collectively(world, [&] {
        if (world.rank() == 1) {
          throw ntkflow::DataError("agreed");
        }
      });
    } catch (const ntkflow::Error& error) {
      return static_cast<int>(error.exit_code());
    }
  }
  if (how == "settings") {
    return settings_are(argv[2], argv[3]) && ntkflow::MpiSession::has_launcher() &&
                   !ntkflow::MpiSession::library_version().empty()
               ? 0
               : 9;
  }
  if (world.rank() == 1) {
    fail(how);
  }
  world.barrier();
  return 0;
}
