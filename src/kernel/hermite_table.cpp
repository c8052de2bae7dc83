#include "hermite_table.hpp"

#include <algorithm>
#include <cmath>

#include "chebyshev.hpp"
#include "hermite.hpp"

namespace ntkflow {

HermiteTable::HermiteTable(const NumericalActivation& activation, int terms, double smallest,
                           double largest)
    : middle_(0.5 * (std::sqrt(smallest) + std::sqrt(largest))),
      // Never so narrow that the rounding of q, in float over many layers, leaves the range.
      half_width_(std::max(0.5 * (std::sqrt(largest) - std::sqrt(smallest)), 0.01 * middle_)) {
  const auto count = static_cast<std::size_t>(terms);
  const auto exact = [&](double y) {
    const double root = middle_ + half_width_ * y;
    std::vector<double> coefficients(count);
    hermite_coefficients(activation, root * root, coefficients);
    return coefficients;
  };
  const double scale = std::sqrt(activation.diagonal(largest).f);
  const auto sample = [&](long double y, std::span<long double> values) {
    const auto coefficients = exact(static_cast<double>(y));
    std::copy(coefficients.begin(), coefficients.end(), values.begin());
  };
  constexpr int kFirstDegree = 8;
  constexpr int kLargestDegree = 256;
  for (int degree = kFirstDegree; degree <= kLargestDegree; degree *= 2) {
    const auto all = chebyshev_interpolate(degree, count, sample);
    std::size_t needed = 1;
    for (const auto& one : all) {
      needed = std::max(needed, significant_terms(one, 1e-16 * scale));
    }
    choose_parity(all, 2e-15 * scale);  // above rounding
    rows_.assign(needed, {});
    for (std::size_t d = 0; d < needed; ++d) {
      for (std::size_t k = static_cast<std::size_t>(first_); k < count;
           k += static_cast<std::size_t>(step_)) {
        rows_[d].push_back(all[k][d]);
      }
    }
    if (needed + 2 <= static_cast<std::size_t>(degree)) {
      break;
    }
  }
  const auto kept = static_cast<std::size_t>(this->terms());
  std::vector<double> coefficients(kept);
  std::vector<double> scratch(2 * kept);
  constexpr int kChecks = 24;
  for (int check = 0; check <= kChecks; ++check) {
    const double y = 2.0 * check / kChecks - 1.0;
    const double root = middle_ + half_width_ * y;
    evaluate(root * root, coefficients, scratch);
    const auto expected = exact(y);
    double squares = 0.0;
    for (const double one : expected) {
      squares += one * one;
    }
    for (std::size_t k = 0; k < kept; ++k) {
      const std::size_t order =
          static_cast<std::size_t>(first_) + k * static_cast<std::size_t>(step_);
      error_ = std::max(error_, std::abs(coefficients[k] - expected[order]) / std::sqrt(squares));
    }
  }
}

void HermiteTable::choose_parity(const std::vector<std::vector<double>>& all, double negligible) {
  const auto vanishes = [&](std::size_t parity) {
    for (std::size_t k = parity; k < all.size(); k += 2) {
      if (significant_terms(all[k], negligible) > 1 || std::abs(all[k].front()) > negligible) {
        return false;
      }
    }
    return all.size() > parity;
  };
  const bool is_odd = vanishes(0);
  step_ = is_odd || vanishes(1) ? 2 : 1;
  first_ = is_odd ? 1 : 0;
}

void HermiteTable::evaluate(double q, std::span<double> coefficients,
                            std::span<double> scratch) const {
  const std::size_t count = rows_.front().size();
  const double y = half_width_ > 0.0 ? (std::sqrt(q) - middle_) / half_width_ : 0.0;
  // Clenshaw's recurrence for all coefficients side by side.
  double* next = scratch.data();
  double* after = next + count;
  std::fill_n(next, 2 * count, 0.0);
  for (std::size_t d = rows_.size() - 1; d > 0; --d) {
    for (std::size_t k = 0; k < count; ++k) {
      const double value = 2.0 * y * next[k] + (rows_[d][k] - after[k]);
      after[k] = next[k];
      next[k] = value;
    }
  }
  for (std::size_t k = 0; k < count; ++k) {
    coefficients[k] = y * next[k] + (rows_[0][k] - after[k]);
  }
}

}  // namespace ntkflow
