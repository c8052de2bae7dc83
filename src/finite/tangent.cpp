#include "ntkflow/finite/tangent.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/linalg/local.hpp>

#include "pass.hpp"

namespace ntkflow {
namespace {

/// The copy that a tangent keeps of the samples.
template <class Real>
Matrix<Real> copy_of(MatrixView<const Real> x) {
  Matrix<Real> copy(x.rows, x.cols);
  for (std::int64_t j = 0; j < x.cols; ++j) {
    std::copy_n(x.column(j), x.rows, copy.column(j));
  }
  return copy;
}

/// A^T B.
template <class Real>
Matrix<Real> inner_products(const Matrix<Real>& a, const Matrix<Real>& b) {
  Matrix<Real> products(a.cols(), b.cols());
  multiply<Real>(Transpose::yes, Transpose::no, Real{1}, a.view(), b.view(), Real{0},
                 products.view());
  return products;
}

double trace(const Matrix<double>& a) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    sum += a(i, i);
  }
  return sum;
}

}  // namespace

template <class Real>
Tangent<Real>::Tangent(const Network<Real>& network, MatrixView<const Real> x)
    : samples_(x.cols), outputs_(network.shape().outputs), bias_scale_(network.bias_scale()) {
  Matrix<Real> samples = copy_of(x);
  Pass<Real> pass(network, samples.view(), outputs_);
  values_ = pass.forward(network, {});
  const auto seeds = pass.deltas(network.depth() - 1);
  for (std::int64_t c = 0; c < outputs_; ++c) {
    for (std::int64_t i = 0; i < samples_; ++i) {
      Real* seed = seeds.column(c * samples_ + i);
      std::fill_n(seed, outputs_, Real{0});
      seed[c] = Real{1};
    }
  }
  Matrix<Real> scratch(Pass<Real>::scratch_rows(network), samples_);
  pass.backward(network, {}, scratch.view());
  inputs_ = pass.take_hidden();
  inputs_.insert(inputs_.begin(), std::move(samples));
  deltas_ = pass.take_deltas();
  for (int layer = 0; layer < network.depth(); ++layer) {
    weight_scales_.push_back(network.weight_scale(layer));
  }
}

template <class Real>
const Matrix<Real>& Tangent<Real>::inputs(int layer) const {
  return inputs_[static_cast<std::size_t>(layer)];
}

template <class Real>
const Matrix<Real>& Tangent<Real>::deltas(int layer) const {
  return deltas_[static_cast<std::size_t>(layer)];
}

template <class Real>
Matrix<double> Tangent<Real>::kernel(const Tangent& other) const {
  NTKFLOW_EXPECTS(weight_scales_ == other.weight_scales_ && bias_scale_ == other.bias_scale_ &&
                      outputs_ == other.outputs_,
                  weight_scales_.size(), other.weight_scales_.size(), outputs_, other.outputs_);
  Matrix<double> theta(outputs_ * samples_, outputs_ * other.samples_);
  for (std::size_t layer = 0; layer < inputs_.size(); ++layer) {
    const Matrix<Real> a = inner_products(inputs_[layer], other.inputs_[layer]);
    const Matrix<Real> delta = inner_products(deltas_[layer], other.deltas_[layer]);
    const double weight_factor = weight_scales_[layer] * weight_scales_[layer];
    const double bias_factor = bias_scale_ * bias_scale_;
    for (std::int64_t j = 0; j < theta.cols(); ++j) {
      const Real* a_column = a.column(j % other.samples_);
      for (std::int64_t c = 0; c < outputs_; ++c) {
        const Real* delta_column = delta.column(j) + c * samples_;
        double* column = theta.column(j) + c * samples_;
        for (std::int64_t i = 0; i < samples_; ++i) {
          column[i] += (weight_factor * static_cast<double>(a_column[i]) + bias_factor) *
                       static_cast<double>(delta_column[i]);
        }
      }
    }
  }
  return theta;
}

double relative_jacobian_change(const Matrix<double>& aa, const Matrix<double>& ab,
                                const Matrix<double>& bb) {
  NTKFLOW_EXPECTS(aa.rows() == ab.rows() && ab.rows() == ab.cols() && ab.cols() == bb.rows(),
                  aa.rows(), ab.rows(), ab.cols(), bb.rows());
  const double difference = trace(aa) - 2.0 * trace(ab) + trace(bb);
  return std::sqrt(std::max(0.0, difference) / trace(bb));
}

template class Tangent<float>;
template class Tangent<double>;

}  // namespace ntkflow
