#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <ntkflow_fortran.h>

#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

// ScaLAPACK with 32-bit integers, as the linker sees it: every argument by address, and in the
// routines written in Fortran the length of each character argument, by value, at the end.

#define NTKFLOW_PSPOTRF NTKFLOW_FC_GLOBAL(pspotrf, PSPOTRF)
#define NTKFLOW_PDPOTRF NTKFLOW_FC_GLOBAL(pdpotrf, PDPOTRF)
#define NTKFLOW_PSSYEVD NTKFLOW_FC_GLOBAL(pssyevd, PSSYEVD)
#define NTKFLOW_PDSYEVD NTKFLOW_FC_GLOBAL(pdsyevd, PDSYEVD)
#define NTKFLOW_PSGEMM NTKFLOW_FC_GLOBAL(psgemm, PSGEMM)
#define NTKFLOW_PDGEMM NTKFLOW_FC_GLOBAL(pdgemm, PDGEMM)
#define NTKFLOW_PSTRMM NTKFLOW_FC_GLOBAL(pstrmm, PSTRMM)
#define NTKFLOW_PDTRMM NTKFLOW_FC_GLOBAL(pdtrmm, PDTRMM)
#define NTKFLOW_PSTRSM NTKFLOW_FC_GLOBAL(pstrsm, PSTRSM)
#define NTKFLOW_PDTRSM NTKFLOW_FC_GLOBAL(pdtrsm, PDTRSM)

extern "C" {
void NTKFLOW_PSPOTRF(const char* triangle, const int* n, float* a, const int* ia, const int* ja,
                     const int* desc_a, int* info, std::size_t);
void NTKFLOW_PDPOTRF(const char* triangle, const int* n, double* a, const int* ia, const int* ja,
                     const int* desc_a, int* info, std::size_t);
void NTKFLOW_PSSYEVD(const char* job, const char* triangle, const int* n, float* a, const int* ia,
                     const int* ja, const int* desc_a, float* values, float* z, const int* iz,
                     const int* jz, const int* desc_z, float* work, const int* work_size,
                     int* int_work, const int* int_work_size, int* info, std::size_t, std::size_t);
void NTKFLOW_PDSYEVD(const char* job, const char* triangle, const int* n, double* a, const int* ia,
                     const int* ja, const int* desc_a, double* values, double* z, const int* iz,
                     const int* jz, const int* desc_z, double* work, const int* work_size,
                     int* int_work, const int* int_work_size, int* info, std::size_t, std::size_t);

// PBLAS is C behind Fortran names and has no hidden lengths.
void NTKFLOW_PSGEMM(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
                    const int* k, const float* alpha, const float* a, const int* ia, const int* ja,
                    const int* desc_a, const float* b, const int* ib, const int* jb,
                    const int* desc_b, const float* beta, float* c, const int* ic, const int* jc,
                    const int* desc_c);
void NTKFLOW_PDGEMM(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
                    const int* k, const double* alpha, const double* a, const int* ia,
                    const int* ja, const int* desc_a, const double* b, const int* ib, const int* jb,
                    const int* desc_b, const double* beta, double* c, const int* ic, const int* jc,
                    const int* desc_c);
void NTKFLOW_PSTRMM(const char* side, const char* triangle, const char* transpose,
                    const char* diagonal, const int* m, const int* n, const float* alpha,
                    const float* a, const int* ia, const int* ja, const int* desc_a, float* b,
                    const int* ib, const int* jb, const int* desc_b);
void NTKFLOW_PDTRMM(const char* side, const char* triangle, const char* transpose,
                    const char* diagonal, const int* m, const int* n, const double* alpha,
                    const double* a, const int* ia, const int* ja, const int* desc_a, double* b,
                    const int* ib, const int* jb, const int* desc_b);
void NTKFLOW_PSTRSM(const char* side, const char* triangle, const char* transpose,
                    const char* diagonal, const int* m, const int* n, const float* alpha,
                    const float* a, const int* ia, const int* ja, const int* desc_a, float* b,
                    const int* ib, const int* jb, const int* desc_b);
void NTKFLOW_PDTRSM(const char* side, const char* triangle, const char* transpose,
                    const char* diagonal, const int* m, const int* n, const double* alpha,
                    const double* a, const int* ia, const int* ja, const int* desc_a, double* b,
                    const int* ib, const int* jb, const int* desc_b);
}

/// ScaLAPACK under its stems, one overload per precision, on whole matrices. Each returns
/// ScaLAPACK's info where it has one. All are collective over the grid.
namespace ntkflow::scalapack {

/// DTYPE, CTXT, M, N, MB, NB, RSRC, CSRC, LLD of a block-cyclic matrix.
using Descriptor = std::array<int, 9>;

/// Throws ResourceError when a size exceeds 32 bits. Local.
template <class Real>
Descriptor describe(const DistMatrix<Real>& a) {
  constexpr int kDenseMatrix = 1;
  const int block = narrow<int>(a.block(), "block size");
  return {kDenseMatrix,
          a.grid()->blacs_context(),
          narrow<int>(a.rows(), "matrix rows"),
          narrow<int>(a.cols(), "matrix columns"),
          block,
          block,
          a.row_map().source(),
          a.col_map().source(),
          narrow<int>(std::max<std::int64_t>(1, a.local_rows()), "local matrix rows")};
}

/// Row and column, 1-based, at which the matrices of all calls begin.
inline constexpr int kFirst = 1;

/// Info: 0, or the order of the first leading minor that is not positive.
inline int potrf(char triangle, int n, float* a, const Descriptor& desc_a) {
  int info = 0;
  NTKFLOW_PSPOTRF(&triangle, &n, a, &kFirst, &kFirst, desc_a.data(), &info, 1);
  return info;
}
inline int potrf(char triangle, int n, double* a, const Descriptor& desc_a) {
  int info = 0;
  NTKFLOW_PDPOTRF(&triangle, &n, a, &kFirst, &kFirst, desc_a.data(), &info, 1);
  return info;
}

/// Sizes of -1 make it a query: the sizes needed come back in work[0] and int_work[0].
inline int syevd(char job, char triangle, int n, float* a, const Descriptor& desc_a, float* values,
                 float* z, const Descriptor& desc_z, float* work, int work_size, int* int_work,
                 int int_work_size) {
  int info = 0;
  NTKFLOW_PSSYEVD(&job, &triangle, &n, a, &kFirst, &kFirst, desc_a.data(), values, z, &kFirst,
                  &kFirst, desc_z.data(), work, &work_size, int_work, &int_work_size, &info, 1, 1);
  return info;
}
inline int syevd(char job, char triangle, int n, double* a, const Descriptor& desc_a,
                 double* values, double* z, const Descriptor& desc_z, double* work, int work_size,
                 int* int_work, int int_work_size) {
  int info = 0;
  NTKFLOW_PDSYEVD(&job, &triangle, &n, a, &kFirst, &kFirst, desc_a.data(), values, z, &kFirst,
                  &kFirst, desc_z.data(), work, &work_size, int_work, &int_work_size, &info, 1, 1);
  return info;
}

inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, float alpha,
                 const float* a, const Descriptor& desc_a, const float* b, const Descriptor& desc_b,
                 float beta, float* c, const Descriptor& desc_c) {
  NTKFLOW_PSGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &kFirst, &kFirst, desc_a.data(),
                 b, &kFirst, &kFirst, desc_b.data(), &beta, c, &kFirst, &kFirst, desc_c.data());
}
inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, double alpha,
                 const double* a, const Descriptor& desc_a, const double* b,
                 const Descriptor& desc_b, double beta, double* c, const Descriptor& desc_c) {
  NTKFLOW_PDGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &kFirst, &kFirst, desc_a.data(),
                 b, &kFirst, &kFirst, desc_b.data(), &beta, c, &kFirst, &kFirst, desc_c.data());
}

inline void trmm(char side, char triangle, char transpose, char diagonal, int m, int n, float alpha,
                 const float* a, const Descriptor& desc_a, float* b, const Descriptor& desc_b) {
  NTKFLOW_PSTRMM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &kFirst, &kFirst,
                 desc_a.data(), b, &kFirst, &kFirst, desc_b.data());
}
inline void trmm(char side, char triangle, char transpose, char diagonal, int m, int n,
                 double alpha, const double* a, const Descriptor& desc_a, double* b,
                 const Descriptor& desc_b) {
  NTKFLOW_PDTRMM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &kFirst, &kFirst,
                 desc_a.data(), b, &kFirst, &kFirst, desc_b.data());
}

/// A part of a matrix, by its first row and column, 0-based.
struct Corner {
  int row = 0;
  int col = 0;
};

// The same on parts, whose sizes are those of the operation.
inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, float alpha,
                 const float* a, Corner at_a, const Descriptor& desc_a, const float* b, Corner at_b,
                 const Descriptor& desc_b, float beta, float* c, Corner at_c,
                 const Descriptor& desc_c) {
  const int first[] = {at_a.row + 1, at_a.col + 1, at_b.row + 1,
                       at_b.col + 1, at_c.row + 1, at_c.col + 1};
  NTKFLOW_PSGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &first[0], &first[1],
                 desc_a.data(), b, &first[2], &first[3], desc_b.data(), &beta, c, &first[4],
                 &first[5], desc_c.data());
}
inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, double alpha,
                 const double* a, Corner at_a, const Descriptor& desc_a, const double* b,
                 Corner at_b, const Descriptor& desc_b, double beta, double* c, Corner at_c,
                 const Descriptor& desc_c) {
  const int first[] = {at_a.row + 1, at_a.col + 1, at_b.row + 1,
                       at_b.col + 1, at_c.row + 1, at_c.col + 1};
  NTKFLOW_PDGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &first[0], &first[1],
                 desc_a.data(), b, &first[2], &first[3], desc_b.data(), &beta, c, &first[4],
                 &first[5], desc_c.data());
}
inline void trsm(char side, char triangle, char transpose, char diagonal, int m, int n, float alpha,
                 const float* a, Corner at_a, const Descriptor& desc_a, float* b, Corner at_b,
                 const Descriptor& desc_b) {
  const int first[] = {at_a.row + 1, at_a.col + 1, at_b.row + 1, at_b.col + 1};
  NTKFLOW_PSTRSM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &first[0], &first[1],
                 desc_a.data(), b, &first[2], &first[3], desc_b.data());
}
inline void trsm(char side, char triangle, char transpose, char diagonal, int m, int n,
                 double alpha, const double* a, Corner at_a, const Descriptor& desc_a, double* b,
                 Corner at_b, const Descriptor& desc_b) {
  const int first[] = {at_a.row + 1, at_a.col + 1, at_b.row + 1, at_b.col + 1};
  NTKFLOW_PDTRSM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &first[0], &first[1],
                 desc_a.data(), b, &first[2], &first[3], desc_b.data());
}

}  // namespace ntkflow::scalapack
