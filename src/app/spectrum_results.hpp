#pragma once

#include <cstdint>
#include <span>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>
#include <ntkflow/spectrum/alignment.hpp>
#include <ntkflow/spectrum/measure.hpp>
#include <ntkflow/spectrum/options.hpp>
#include <ntkflow/spectrum/principal_components.hpp>

// What the stages of [spectrum] write. All are collective over the file's communicator.
namespace ntkflow::app {

/// Whether a measure has all eigenpairs or leading ones, of which some quantities are bounds.
enum class SpectrumPart { all, leading };

/// Eigenvalues, energies, learning curves, predicted steps and effective dimensions: all that
/// follows from the measure. @param count  leading modes to store
void write_measure(ResultFile& file, const SpectralMeasure& measure, SpectrumPart part,
                   std::int64_t count, const SpectrumOptions& options);
/// alignment and, where it is known, centred_alignment.
void write_alignment(ResultFile& file, const Alignment& alignment);
/// What is known of the errors of leading eigenpairs.
void write_certificate(ResultFile& file, const LeadingEigenpairs& pairs);
/// /spectrum/eigenvector.
void write_vectors(ResultFile& file, const EigenSystem<double>& eigen, std::int64_t count);
void write_vectors(ResultFile& file, const LeadingEigenpairs& pairs, std::int64_t n);
/// /kernel_pca. @param on_test  projections of the test samples [M x k], or null
void write_kernel_pca(ResultFile& file, const PrincipalComponents& components,
                      const Matrix<double>* on_test, const SpectrumOptions& options);

}  // namespace ntkflow::app
