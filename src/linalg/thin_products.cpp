#include "ntkflow/linalg/thin_products.hpp"

#include <algorithm>
#include <cstdint>

#include <omp.h>

// The loops below are plain C++ that the compiler turns into vector code, once per instruction set;
// the loader takes the widest that the processor has. The build allows it to reorder sums here.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define NTKFLOW_PER_INSTRUCTION_SET \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define NTKFLOW_PER_INSTRUCTION_SET
#endif
#define NTKFLOW_INLINE inline __attribute__((always_inline))

namespace ntkflow {
namespace {

/// Columns of A, and of X, whose products are formed together: 16 values of X stay in registers, or
/// 16 sums, while a vector of A that is loaded once serves four columns of X.
constexpr int kTogether = 4;

/// Rows of A worked on at a time: its four columns of them, and all columns of U, stay in cache.
template <class Real>
constexpr std::int64_t kRows = 2048 / sizeof(Real);

/// Least share of a thread. Multiples of it begin cache lines where their matrix does.
constexpr std::int64_t kLeastShare = 16;

/// U[m x C] += A[m x J] X[J x C].
template <int J, int C, class Real>
NTKFLOW_INLINE void add_columns(std::int64_t m, const Real* __restrict a, std::int64_t lda,
                                const Real* x, std::int64_t ldx, Real* u, std::int64_t ldu) {
  Real factor[J][C];
  for (int j = 0; j < J; ++j) {
    for (int c = 0; c < C; ++c) {
      factor[j][c] = x[j + c * ldx];
    }
  }
#pragma GCC ivdep
  for (std::int64_t i = 0; i < m; ++i) {
    Real sum[C];
    for (int c = 0; c < C; ++c) {
      sum[c] = u[i + c * ldu];
    }
    for (int j = 0; j < J; ++j) {
      for (int c = 0; c < C; ++c) {
        sum[c] += a[i + j * lda] * factor[j][c];
      }
    }
    for (int c = 0; c < C; ++c) {
      u[i + c * ldu] = sum[c];
    }
  }
}

/// V[J x C] += A[m x J]^T X[m x C].
template <int J, int C, class Real>
NTKFLOW_INLINE void add_dots(std::int64_t m, const Real* __restrict a, std::int64_t lda,
                             const Real* __restrict x, std::int64_t ldx, Real* v,
                             std::int64_t ldv) {
  Real sum[J][C] = {};
  for (std::int64_t i = 0; i < m; ++i) {
    for (int j = 0; j < J; ++j) {
      for (int c = 0; c < C; ++c) {
        sum[j][c] += a[i + j * lda] * x[i + c * ldx];
      }
    }
  }
  for (int j = 0; j < J; ++j) {
    for (int c = 0; c < C; ++c) {
      v[j + c * ldv] += sum[j][c];
    }
  }
}

/// J columns of A with all columns of X.
template <int J, class Real>
NTKFLOW_INLINE void add_columns_of_all(std::int64_t m, std::int64_t k, const Real* a,
                                       std::int64_t lda, const Real* x, std::int64_t ldx, Real* u,
                                       std::int64_t ldu) {
  std::int64_t c = 0;
  for (; c + kTogether <= k; c += kTogether) {
    add_columns<J, kTogether>(m, a, lda, x + c * ldx, ldx, u + c * ldu, ldu);
  }
  switch (k - c) {
    case 3:
      return add_columns<J, 3>(m, a, lda, x + c * ldx, ldx, u + c * ldu, ldu);
    case 2:
      return add_columns<J, 2>(m, a, lda, x + c * ldx, ldx, u + c * ldu, ldu);
    case 1:
      return add_columns<J, 1>(m, a, lda, x + c * ldx, ldx, u + c * ldu, ldu);
    default:
      return;
  }
}

template <int J, class Real>
NTKFLOW_INLINE void add_dots_of_all(std::int64_t m, std::int64_t k, const Real* a, std::int64_t lda,
                                    const Real* x, std::int64_t ldx, Real* v, std::int64_t ldv) {
  std::int64_t c = 0;
  for (; c + kTogether <= k; c += kTogether) {
    add_dots<J, kTogether>(m, a, lda, x + c * ldx, ldx, v + c * ldv, ldv);
  }
  switch (k - c) {
    case 3:
      return add_dots<J, 3>(m, a, lda, x + c * ldx, ldx, v + c * ldv, ldv);
    case 2:
      return add_dots<J, 2>(m, a, lda, x + c * ldx, ldx, v + c * ldv, ldv);
    case 1:
      return add_dots<J, 1>(m, a, lda, x + c * ldx, ldx, v + c * ldv, ldv);
    default:
      return;
  }
}

/// Asks for m rows of the n columns at `a`, while others are worked on: they are too short for the
/// processor to foresee them. Worth a tenth to a fifth of the time with 10 columns.
template <class Real>
NTKFLOW_INLINE void prefetch(std::int64_t m, std::int64_t n, const Real* a, std::int64_t lda) {
  constexpr std::int64_t kLine = 64 / sizeof(Real);
  constexpr int kToRead = 0;
  constexpr int kSecondLevelCache = 2;
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; i += kLine) {
      __builtin_prefetch(a + i + j * lda, kToRead, kSecondLevelCache);
    }
  }
}

template <class Real>
NTKFLOW_INLINE void product_loops(const MatrixView<const Real>& a, const MatrixView<const Real>& x,
                                  const MatrixView<Real>& u) {
  for (std::int64_t i = 0; i < a.rows; i += kRows<Real>) {
    const std::int64_t m = std::min(kRows<Real>, a.rows - i);
    std::int64_t j = 0;
    for (; j + kTogether <= a.cols; j += kTogether) {
      prefetch(m, std::min<std::int64_t>(kTogether, a.cols - kTogether - j),
               a.column(j + kTogether) + i, a.ld);
      add_columns_of_all<kTogether>(m, x.cols, a.column(j) + i, a.ld, x.data + j, x.ld, u.data + i,
                                    u.ld);
    }
    for (; j < a.cols; ++j) {
      add_columns_of_all<1>(m, x.cols, a.column(j) + i, a.ld, x.data + j, x.ld, u.data + i, u.ld);
    }
  }
}

template <class Real>
NTKFLOW_INLINE void transposed_loops(const MatrixView<const Real>& a,
                                     const MatrixView<const Real>& x, const MatrixView<Real>& v) {
  for (std::int64_t i = 0; i < a.rows; i += kRows<Real>) {
    const std::int64_t m = std::min(kRows<Real>, a.rows - i);
    std::int64_t j = 0;
    for (; j + kTogether <= a.cols; j += kTogether) {
      prefetch(m, std::min<std::int64_t>(kTogether, a.cols - kTogether - j),
               a.column(j + kTogether) + i, a.ld);
      add_dots_of_all<kTogether>(m, x.cols, a.column(j) + i, a.ld, x.data + i, x.ld, v.data + j,
                                 v.ld);
    }
    for (; j < a.cols; ++j) {
      add_dots_of_all<1>(m, x.cols, a.column(j) + i, a.ld, x.data + i, x.ld, v.data + j, v.ld);
    }
  }
}

NTKFLOW_PER_INSTRUCTION_SET void add_share(const MatrixView<const float>& a,
                                           const MatrixView<const float>& x,
                                           const MatrixView<float>& u) {
  product_loops(a, x, u);
}
NTKFLOW_PER_INSTRUCTION_SET void add_share(const MatrixView<const double>& a,
                                           const MatrixView<const double>& x,
                                           const MatrixView<double>& u) {
  product_loops(a, x, u);
}
NTKFLOW_PER_INSTRUCTION_SET void add_transposed_share(const MatrixView<const float>& a,
                                                      const MatrixView<const float>& x,
                                                      const MatrixView<float>& v) {
  transposed_loops(a, x, v);
}
NTKFLOW_PER_INSTRUCTION_SET void add_transposed_share(const MatrixView<const double>& a,
                                                      const MatrixView<const double>& x,
                                                      const MatrixView<double>& v) {
  transposed_loops(a, x, v);
}

/// Calls work(begin, size) for shares of `size` on the threads of this rank.
template <class Work>
void share_over_threads(std::int64_t size, Work&& work) {
  const std::int64_t units = (size + kLeastShare - 1) / kLeastShare;
  const std::int64_t shares =
      std::clamp<std::int64_t>(omp_get_max_threads(), 1, std::max<std::int64_t>(1, units));
  const std::int64_t length = (units + shares - 1) / shares * kLeastShare;
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(shares)) if (shares > 1)
  for (std::int64_t share = 0; share < shares; ++share) {
    const std::int64_t begin = std::min(share * length, size);
    work(begin, std::min(length, size - begin));
  }
}

}  // namespace

template <class Real>
void add_product(MatrixView<const Real> a, MatrixView<const Real> x, MatrixView<Real> u) {
  NTKFLOW_EXPECTS(a.cols == x.rows && a.rows == u.rows && x.cols == u.cols, a.rows, a.cols, x.rows,
                  x.cols, u.rows, u.cols);
  share_over_threads(a.rows, [&](std::int64_t i, std::int64_t m) {
    add_share(a.block(i, 0, m, a.cols), x, u.block(i, 0, m, u.cols));
  });
}

template <class Real>
void add_transposed_product(MatrixView<const Real> a, MatrixView<const Real> x,
                            MatrixView<Real> v) {
  NTKFLOW_EXPECTS(a.rows == x.rows && a.cols == v.rows && x.cols == v.cols, a.rows, a.cols, x.rows,
                  x.cols, v.rows, v.cols);
  share_over_threads(a.cols, [&](std::int64_t j, std::int64_t n) {
    add_transposed_share(a.block(0, j, a.rows, n), x, v.block(j, 0, n, v.cols));
  });
}

template void add_product(MatrixView<const float>, MatrixView<const float>, MatrixView<float>);
template void add_product(MatrixView<const double>, MatrixView<const double>, MatrixView<double>);
template void add_transposed_product(MatrixView<const float>, MatrixView<const float>,
                                     MatrixView<float>);
template void add_transposed_product(MatrixView<const double>, MatrixView<const double>,
                                     MatrixView<double>);

}  // namespace ntkflow
