#include "spectrum_results.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/dynamics/flow.hpp>

#include "plan.hpp"
#include "results.hpp"

namespace ntkflow::app {
namespace {

/// The first rows of a column-major matrix, row-major.
std::vector<double> leading_rows(const Matrix<double>& matrix, std::int64_t count) {
  return row_major(matrix.view().block(0, 0, count, matrix.cols()));
}

void write_modes(ResultFile& file, const SpectralMeasure& measure, std::int64_t count) {
  const std::int64_t outputs = measure.energy.cols();
  write_index_scale(file, "/spectrum/mode", "eigenmode, by falling eigenvalue", count);
  file.write({"/spectrum/eigenvalue", "eigenvalues of K/N", "1", {count}, {"/spectrum/mode"}},
             std::span(measure.eigenvalue).first(static_cast<std::size_t>(count)));
  std::vector<double> energy;
  for (std::int64_t i = 0; i < count; ++i) {
    energy.push_back(measure.mode_energy(i));
  }
  file.write({"/spectrum/target_energy",
              "squared norm of y - f0 along each eigenvector, divided by N",
              "1",
              {count},
              {"/spectrum/mode"}},
             energy);
  const auto write = [&](const char* path, const char* long_name, const Matrix<double>& values) {
    file.write({path, long_name, "1", {count, outputs}, {"/spectrum/mode", "/output"}},
               leading_rows(values, count));
  };
  write("/spectrum/target_energy_by_output",
        "square of each output of y - f0 along each eigenvector, divided by N", measure.energy);
  write("/spectrum/cumulative_target_energy",
        "fraction of the squared norm of each output of y - f0 in the modes up to each",
        cumulative_energy(measure));
}

void write_curves(ResultFile& file, const SpectralMeasure& measure, SpectrumPart part,
                  std::int64_t modes, const SpectrumOptions& options) {
  const double lambda_max = measure.eigenvalue.front();
  const auto times = absolute_times(options.times, TimeUnit::inverse_lambda_max, lambda_max);
  const std::int64_t count = std::ssize(times);
  file.scale("/spectrum/time", "time of gradient flow", times);
  file.attribute("/spectrum/time", "lambda_max", lambda_max);
  if (modes > 0) {
    write_index_scale(file, "/spectrum/curve_mode", "leading eigenmode with a learning curve",
                      modes);
    file.write({"/spectrum/mode_energy",
                "energy of y - f_t along each leading eigenvector, exp(-2 t lambda) of that of "
                "y - f0",
                "1",
                {count, modes},
                {"/spectrum/time", "/spectrum/curve_mode"}},
               row_major(mode_curves(measure, times, modes).view()));
  }
  const bool is_all = part == SpectrumPart::all;
  file.write({"/spectrum/energy_left",
              is_all ? "energy of y - f_t along all eigenvectors"
                     : "upper bound of the energy of y - f_t: what lies outside of the eigenpairs "
                       "found is taken to stay",
              "1",
              {count},
              {"/spectrum/time"}},
             energy_curve(measure, times));
  const auto rest = energy_at_rest(measure);
  file.write({is_all ? "/spectrum/null_energy" : "/spectrum/uncaptured_energy",
              is_all ? "energy of each output of y - f0 in the null space, to rounding, which "
                       "training never reaches"
                     : "energy of each output of y - f0 outside of the eigenpairs found, that of "
                       "the null space within",
              "1",
              {std::ssize(rest)},
              {"/output"}},
             rest);
}

void write_steps(ResultFile& file, const SpectralMeasure& measure, SpectrumPart part,
                 const SpectrumOptions& options) {
  const double rate = options.learning_rate / measure.eigenvalue.front();
  file.attribute("/spectrum", "learning_rate", rate);
  file.scale("/spectrum/loss", "training loss, half the mean over samples of |f - y|^2",
             options.losses);
  std::vector<std::int64_t> steps;
  for (const double loss : options.losses) {
    steps.push_back(steps_to_loss(measure, rate, loss));
  }
  file.write({"/spectrum/predicted_steps",
              part == SpectrumPart::all
                  ? "steps of gradient descent until the training loss is at most this, -1: never, "
                    "9007199254740992: as many or more"
                  : "upper bound of the steps of gradient descent until the training loss is at "
                    "most this, -1: none, as energy outside of the eigenpairs found is taken to "
                    "stay, 9007199254740992: as many or more",
              "1",
              {std::ssize(steps)},
              {"/spectrum/loss"}},
             steps);
}

void write_dimensions(ResultFile& file, const SpectralMeasure& measure, SpectrumPart part,
                      const SpectrumOptions& options) {
  const char* axis = "/spectrum/effective_dimension_ridge";
  const auto ridges = options.ridges.empty() ? standard_ridges(measure) : options.ridges;
  file.scale(axis, "ridge mu added to the diagonal of K", ridges);
  std::vector<double> lower;
  std::vector<double> upper;
  for (const double ridge : ridges) {
    const Bounds bounds = effective_dimension(measure, ridge);
    lower.push_back(bounds.lower);
    upper.push_back(bounds.upper);
  }
  const bool is_all = part == SpectrumPart::all;
  file.write({"/spectrum/effective_dimension_curve",
              is_all ? "effective dimension tr K (K + mu I)^-1"
                     : "lower bound of the effective dimension tr K (K + mu I)^-1, from the "
                       "eigenvalues found and the trace of K",
              "1",
              {std::ssize(ridges)},
              {axis}},
             lower);
  if (!is_all) {
    file.write({"/spectrum/effective_dimension_upper",
                "upper bound of the effective dimension, likewise",
                "1",
                {std::ssize(ridges)},
                {axis}},
               upper);
  }
}

void create_vectors(ResultFile& file, std::int64_t count, std::int64_t n) {
  file.create({"/spectrum/eigenvector",
               "eigenvectors of K/N, one per row",
               "1",
               {count, n},
               {"/spectrum/mode", "/train_sample"}});
}

}  // namespace

void write_measure(ResultFile& file, const SpectralMeasure& measure, SpectrumPart part,
                   std::int64_t count, const SpectrumOptions& options) {
  write_modes(file, measure, count);
  write_curves(file, measure, part, std::min(count, options.modes), options);
  if (!options.losses.empty()) {
    write_steps(file, measure, part, options);
  }
  write_dimensions(file, measure, part, options);
  file.attribute("/spectrum", "max_learning_rate", 2.0 / measure.eigenvalue.front());
}

void write_alignment(ResultFile& file, const Alignment& alignment) {
  file.attribute("/spectrum", "alignment", alignment.plain);
  if (alignment.centred) {
    file.attribute("/spectrum", "centred_alignment", *alignment.centred);
  }
}

void write_certificate(ResultFile& file, const LeadingEigenpairs& pairs) {
  file.write({"/spectrum/residual_by_pair",
              "|K v - lambda v| / lambda_max of each eigenpair",
              "1",
              {std::ssize(pairs.residual)},
              {"/spectrum/mode"}},
             pairs.residual);
  const auto attribute = [&](const char* name, const Attribute& value) {
    file.attribute("/spectrum", name, value);
  };
  attribute("residual", largest_magnitude(pairs.residual.data(), std::ssize(pairs.residual)));
  attribute("orthogonality", pairs.orthogonality);
  attribute("converged", pairs.converged);
  attribute("products", pairs.products);
  attribute("exact_products", pairs.exact_products);
  attribute("restarts", pairs.restarts);
  if (pairs.degenerate_pair >= 0) {
    attribute("degenerate_pair", pairs.degenerate_pair);
  }
}

void write_vectors(ResultFile& file, const EigenSystem<double>& eigen, std::int64_t count) {
  const std::int64_t n = std::ssize(eigen.values);
  create_vectors(file, count, n);
  // Eigenvectors are columns by rising eigenvalue; the file wants rows by falling eigenvalue: each
  // share is turned round.
  const DistMatrix<double>& vectors = eigen.vectors;
  const Communicator& comm = vectors.grid()->comm();
  const std::int64_t step = columns_per_round(vectors, kGatherBytes);
  for (std::int64_t begin = n - count; begin < n; begin += step) {
    const std::int64_t end = std::min(n, begin + step);
    Matrix<double> mine = gather_columns(vectors, begin, end);
    for (std::int64_t j = 0; j < mine.cols() / 2; ++j) {
      std::swap_ranges(mine.column(j), mine.column(j) + n, mine.column(mine.cols() - 1 - j));
    }
    const Share share = contiguous_share(end - begin, comm.size(), comm.rank());
    file.write_rows("/spectrum/eigenvector", n - (begin + share.end), mine.cols(), mine.data());
  }
}

void write_vectors(ResultFile& file, const LeadingEigenpairs& pairs, std::int64_t n) {
  const std::int64_t count = pairs.vectors.cols();
  create_vectors(file, count, n);
  // Columns of this rank's rows are rows of its box.
  const std::int64_t start[] = {0, pairs.rows.begin};
  const std::int64_t extent[] = {count, pairs.rows.size()};
  file.write_box("/spectrum/eigenvector", start, extent, pairs.vectors.data());
}

void write_kernel_pca(ResultFile& file, const PrincipalComponents& components,
                      const Matrix<double>* on_test, const SpectrumOptions& options) {
  const std::int64_t count = std::ssize(components.eigenvalue);
  const char* axis = "/kernel_pca/component";
  write_index_scale(file, axis, "principal component in feature space, by falling eigenvalue",
                    count);
  file.write(
      {"/kernel_pca/eigenvalue",
       options.centre ? "eigenvalues of the centred kernel matrix over N" : "eigenvalues of K/N",
       "1",
       {count},
       {axis}},
      components.eigenvalue);
  const auto write = [&](const char* path, const char* long_name, const Matrix<double>& values,
                         const char* samples) {
    file.write({path, long_name, "1", {values.rows(), count}, {samples, axis}},
               row_major(values.view()));
  };
  write("/kernel_pca/train_projection", "projections of the training samples on the components",
        components.train, "/train_sample");
  if (on_test != nullptr) {
    write("/kernel_pca/test_projection", "projections of the test samples on the components",
          *on_test, "/test_sample");
  }
  file.attribute("/kernel_pca", "centred", std::int64_t{options.centre ? 1 : 0});
}

}  // namespace ntkflow::app
