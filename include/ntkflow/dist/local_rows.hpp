#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/block_cyclic.hpp>

// Between tall matrices that are whole on every rank and the rows of them that a rank works on.
namespace ntkflow {

/// Calls visit(first_loc, first, length) for the runs of indices that follow one another both
/// locally and globally. Local.
template <class Visit>
void for_each_run(const BlockCyclic& map, Visit&& visit) {
  for (std::int64_t i_loc = 0; i_loc < map.local_size(); i_loc += map.block()) {
    visit(i_loc, map.to_global({i_loc}).value, std::min(map.block(), map.local_size() - i_loc));
  }
}

/// Rows of `whole` [n x k] at the positions of `map`, converted: [local_size x k]. Local.
template <class Real>
Matrix<Real> rows_of(const Matrix<double>& whole, const BlockCyclic& map) {
  NTKFLOW_EXPECTS(whole.rows() == map.size(), whole.rows(), map.size());
  Matrix<Real> mine(map.local_size(), whole.cols());
  for_each_run(map, [&](std::int64_t i_loc, std::int64_t i, std::int64_t length) {
    for (std::int64_t j = 0; j < whole.cols(); ++j) {
      std::transform(whole.column(j) + i, whole.column(j) + i + length, mine.column(j) + i_loc,
                     [](double value) { return static_cast<Real>(value); });
    }
  });
  return mine;
}

/// Adds rows at the positions of `map` to those of `whole`. Local.
inline void add_rows(const Matrix<double>& mine, const BlockCyclic& map, Matrix<double>& whole) {
  NTKFLOW_EXPECTS(mine.rows() == map.local_size() && whole.rows() == map.size(), mine.rows(),
                  whole.rows());
  for_each_run(map, [&](std::int64_t i_loc, std::int64_t i, std::int64_t length) {
    for (std::int64_t j = 0; j < whole.cols(); ++j) {
      double* to = whole.column(j) + i;
      const double* from = mine.column(j) + i_loc;
      std::transform(to, to + length, from, to, std::plus<>());
    }
  });
}

}  // namespace ntkflow
