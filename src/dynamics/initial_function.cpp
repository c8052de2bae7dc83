#include "ntkflow/dynamics/initial_function.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/redistribute.hpp>

namespace ntkflow {

std::variant<InitialValues, NotPositiveDefinite> draw_gaussian_process(
    DistMatrix<double> covariance, std::int64_t train_size, std::int64_t outputs,
    std::uint64_t seed, Monitor& monitor) {
  const auto grid = covariance.grid();
  const std::int64_t points = covariance.rows();
  const std::int64_t block = covariance.block();
  auto outcome = factor_cholesky(std::move(covariance), Factorization::automatic, monitor);
  if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
    return *failure;
  }
  std::optional<DistMatrix<double>> values;
  collectively(grid->comm(), [&] {
    const RandomStream stream(seed, 0);
    values.emplace(grid, points, outputs, block);
    values->fill([&](std::int64_t i, std::int64_t j) {
      return stream.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j));
    });
  });
  std::get<CholeskyFactor<double>>(outcome).multiply_lower(*values);
  const Matrix<double> whole = replicate(*values);

  InitialValues initial{Matrix<double>(train_size, outputs),
                        Matrix<double>(points - train_size, outputs)};
  for (std::int64_t j = 0; j < outputs; ++j) {
    std::copy_n(whole.column(j), train_size, initial.train.column(j));
    std::copy_n(whole.column(j) + train_size, points - train_size, initial.test.column(j));
  }
  return initial;
}

}  // namespace ntkflow
