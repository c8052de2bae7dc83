#pragma once

namespace ntkflow {

/// The Cholesky routine: our own right-looking one with look-ahead, ScaLAPACK's p?potrf, or the
/// faster of the two.
enum class Factorization { automatic, lookahead, scalapack };

}  // namespace ntkflow
