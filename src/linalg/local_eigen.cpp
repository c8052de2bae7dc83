#include "ntkflow/linalg/local_eigen.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "blas_abi.hpp"

namespace ntkflow {

LocalEigenSystem diagonalise_local(MatrixView<const double> a) {
  NTKFLOW_EXPECTS(a.rows == a.cols, a.rows, a.cols);
  const std::int64_t m = a.rows;
  LocalEigenSystem eigen{std::vector<double>(static_cast<std::size_t>(m)), Matrix<double>(m, m)};
  if (m == 0) {
    return eigen;
  }
  for (std::int64_t j = 0; j < m; ++j) {
    std::copy_n(a.column(j), m, eigen.vectors.column(j));
  }
  const int order = narrow<int>(m, "matrix order");
  double work_size = 0.0;
  int iwork_size = 0;
  int info = blas::syevd('V', 'L', order, eigen.vectors.data(), order, eigen.values.data(),
                         &work_size, -1, &iwork_size, -1);
  if (info == 0) {
    std::vector<double> work(static_cast<std::size_t>(work_size));
    std::vector<int> iwork(static_cast<std::size_t>(iwork_size));
    info = blas::syevd('V', 'L', order, eigen.vectors.data(), order, eigen.values.data(),
                       work.data(), narrow<int>(std::ssize(work), "workspace"), iwork.data(),
                       narrow<int>(std::ssize(iwork), "workspace"));
  }
  NTKFLOW_EXPECTS(info >= 0, info);
  if (info > 0) {
    throw NumericalError("the eigenvalues of a projected matrix of order " + std::to_string(m) +
                         " do not converge (xSYEVD returned " + std::to_string(info) +
                         "); check the input for values that are not finite");
  }
  return eigen;
}

LocalEigenSystem diagonalise_shared(const Communicator& comm, MatrixView<const double> h) {
  const std::int64_t m = h.rows;
  LocalEigenSystem eigen;
  collectively(comm, [&] {
    if (comm.rank() == 0) {
      eigen = diagonalise_local(h);
    } else {
      eigen = {std::vector<double>(static_cast<std::size_t>(m)), Matrix<double>(m, m)};
    }
  });
  comm.broadcast(std::as_writable_bytes(std::span(eigen.values)), 0);
  comm.broadcast(std::as_writable_bytes(std::span(eigen.vectors.data(),
                                                  static_cast<std::size_t>(eigen.vectors.size()))),
                 0);
  return eigen;
}

}  // namespace ntkflow
