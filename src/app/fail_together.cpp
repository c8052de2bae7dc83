#include "fail_together.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/mpi_session.hpp>

namespace ntkflow::app {

void require_company(const Communicator& errors, const std::string& output,
                     const std::exception& error) {
  constexpr double kPatienceSeconds = 20.0;
  if (errors.meet(kPatienceSeconds)) {
    return;
  }
  fmt::print(stderr, "ntkflow: error: rank {}: {}\n", errors.rank(), error.what());
  std::fflush(stderr);
  if (!output.empty()) {
    std::error_code ignored;
    std::filesystem::remove(output + ".partial", ignored);
  }
  MpiSession::abort(static_cast<int>(exit_code_of(error)));
}

}  // namespace ntkflow::app
