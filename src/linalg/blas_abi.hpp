#pragma once

#include <cstddef>

#include <ntkflow_fortran.h>

// BLAS and LAPACK with 32-bit integers, as the linker sees them: every argument by address, and
// the length of each character argument, by value, at the end, as gfortran and ifort expect.

#define NTKFLOW_SGEMM NTKFLOW_FC_GLOBAL(sgemm, SGEMM)
#define NTKFLOW_DGEMM NTKFLOW_FC_GLOBAL(dgemm, DGEMM)
#define NTKFLOW_SSYRK NTKFLOW_FC_GLOBAL(ssyrk, SSYRK)
#define NTKFLOW_DSYRK NTKFLOW_FC_GLOBAL(dsyrk, DSYRK)
#define NTKFLOW_STRSM NTKFLOW_FC_GLOBAL(strsm, STRSM)
#define NTKFLOW_DTRSM NTKFLOW_FC_GLOBAL(dtrsm, DTRSM)
#define NTKFLOW_SPOTRF NTKFLOW_FC_GLOBAL(spotrf, SPOTRF)
#define NTKFLOW_DPOTRF NTKFLOW_FC_GLOBAL(dpotrf, DPOTRF)
#define NTKFLOW_DSYEVD NTKFLOW_FC_GLOBAL(dsyevd, DSYEVD)

extern "C" {
void NTKFLOW_SGEMM(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
                   const int* k, const float* alpha, const float* a, const int* lda, const float* b,
                   const int* ldb, const float* beta, float* c, const int* ldc, std::size_t,
                   std::size_t);
void NTKFLOW_DGEMM(const char* transpose_a, const char* transpose_b, const int* m, const int* n,
                   const int* k, const double* alpha, const double* a, const int* lda,
                   const double* b, const int* ldb, const double* beta, double* c, const int* ldc,
                   std::size_t, std::size_t);
void NTKFLOW_SSYRK(const char* triangle, const char* transpose, const int* n, const int* k,
                   const float* alpha, const float* a, const int* lda, const float* beta, float* c,
                   const int* ldc, std::size_t, std::size_t);
void NTKFLOW_DSYRK(const char* triangle, const char* transpose, const int* n, const int* k,
                   const double* alpha, const double* a, const int* lda, const double* beta,
                   double* c, const int* ldc, std::size_t, std::size_t);
void NTKFLOW_STRSM(const char* side, const char* triangle, const char* transpose,
                   const char* diagonal, const int* m, const int* n, const float* alpha,
                   const float* a, const int* lda, float* b, const int* ldb, std::size_t,
                   std::size_t, std::size_t, std::size_t);
void NTKFLOW_DTRSM(const char* side, const char* triangle, const char* transpose,
                   const char* diagonal, const int* m, const int* n, const double* alpha,
                   const double* a, const int* lda, double* b, const int* ldb, std::size_t,
                   std::size_t, std::size_t, std::size_t);
void NTKFLOW_SPOTRF(const char* triangle, const int* n, float* a, const int* lda, int* info,
                    std::size_t);
void NTKFLOW_DPOTRF(const char* triangle, const int* n, double* a, const int* lda, int* info,
                    std::size_t);
void NTKFLOW_DSYEVD(const char* job, const char* triangle, const int* n, double* a, const int* lda,
                    double* w, double* work, const int* lwork, int* iwork, const int* liwork,
                    int* info, std::size_t, std::size_t);
}

/// BLAS and LAPACK under their stems, one overload per precision. Column-major, local to a rank.
namespace ntkflow::blas {

inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, float alpha,
                 const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc) {
  NTKFLOW_SGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc, 1,
                1);
}
inline void gemm(char transpose_a, char transpose_b, int m, int n, int k, double alpha,
                 const double* a, int lda, const double* b, int ldb, double beta, double* c,
                 int ldc) {
  NTKFLOW_DGEMM(&transpose_a, &transpose_b, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc, 1,
                1);
}

inline void syrk(char triangle, char transpose, int n, int k, float alpha, const float* a, int lda,
                 float beta, float* c, int ldc) {
  NTKFLOW_SSYRK(&triangle, &transpose, &n, &k, &alpha, a, &lda, &beta, c, &ldc, 1, 1);
}
inline void syrk(char triangle, char transpose, int n, int k, double alpha, const double* a,
                 int lda, double beta, double* c, int ldc) {
  NTKFLOW_DSYRK(&triangle, &transpose, &n, &k, &alpha, a, &lda, &beta, c, &ldc, 1, 1);
}

inline void trsm(char side, char triangle, char transpose, char diagonal, int m, int n, float alpha,
                 const float* a, int lda, float* b, int ldb) {
  NTKFLOW_STRSM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &lda, b, &ldb, 1, 1, 1,
                1);
}
inline void trsm(char side, char triangle, char transpose, char diagonal, int m, int n,
                 double alpha, const double* a, int lda, double* b, int ldb) {
  NTKFLOW_DTRSM(&side, &triangle, &transpose, &diagonal, &m, &n, &alpha, a, &lda, b, &ldb, 1, 1, 1,
                1);
}

/// Returns LAPACK's info: 0, or the order of the first leading minor that is not positive.
inline int potrf(char triangle, int n, float* a, int lda) {
  int info = 0;
  NTKFLOW_SPOTRF(&triangle, &n, a, &lda, &info, 1);
  return info;
}
inline int potrf(char triangle, int n, double* a, int lda) {
  int info = 0;
  NTKFLOW_DPOTRF(&triangle, &n, a, &lda, &info, 1);
  return info;
}

/// Eigenvalues into w, ascending, and eigenvectors over a. Returns LAPACK's info: 0, or positive
/// when the iteration failed. With lwork = -1 the sizes of work and iwork are only asked for.
inline int syevd(char job, char triangle, int n, double* a, int lda, double* w, double* work,
                 int lwork, int* iwork, int liwork) {
  int info = 0;
  NTKFLOW_DSYEVD(&job, &triangle, &n, a, &lda, w, work, &lwork, iwork, &liwork, &info, 1, 1);
  return info;
}

}  // namespace ntkflow::blas
