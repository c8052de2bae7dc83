#pragma once

#include <type_traits>

#include <mpi.h>

namespace ntkflow {

/// The MPI datatype of float or double. Local.
template <class Real>
MPI_Datatype mpi_type() {
  static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>);
  return std::is_same_v<Real, float> ? MPI_FLOAT : MPI_DOUBLE;
}

}  // namespace ntkflow
