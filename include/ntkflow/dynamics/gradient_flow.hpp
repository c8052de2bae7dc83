#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// Training in the eigenbasis of K. Modes whose lambda + ridge is zero to rounding (<= N eps
/// lambda_max) span the null space, which never moves: their part of A_t is zero at all times.
class GradientFlow : public Flow {
 public:
  /// @param eigen  of K; must outlive the flow.  @param residual  y - f_0(X), [N x C], whole on
  /// every rank.
  /// @param ridge  absolute. Collective over the grid of eigen.
  GradientFlow(const EigenSystem<double>& eigen, const Matrix<double>& residual, double ridge,
               const TrainingRule& rule = {});

  [[nodiscard]] double lambda_max() const override;
  [[nodiscard]] const TrainingRule& rule() const override { return rule_; }
  [[nodiscard]] TrainedModes modes() const override;
  [[nodiscard]] Matrix<double> coefficients(std::span<const double> points) const override;
  [[nodiscard]] Matrix<double> train_increment(std::span<const double> points) const override;

  /// How well A_t obeys the rule's own identity (K + ridge I) A_t + p_t(K + ridge I) r = r, for the
  /// flow p_t(lambda) = exp(-t lambda/N) and 1 in the null space, with K applied anew: for each
  /// point the largest over outputs of |left - right| / |r|. @param coefficients  of the same
  /// points. Collective over the grid.
  [[nodiscard]] std::vector<double> identity_errors(const LinearOperator& k,
                                                    std::span<const double> points,
                                                    const Matrix<double>& coefficients) const;

 private:
  /// Whether lambda + ridge is above rounding, so that the mode is not of the null space.
  [[nodiscard]] bool moves(double lambda) const;
  /// phi_t(lambda + ridge), zero in the null space.
  [[nodiscard]] double filter(double lambda, double point) const;
  /// V (g(lambda_i, t) S_i) at all points.
  [[nodiscard]] Matrix<double> filtered(std::span<const double> points,
                                        const std::function<double(double, double)>& filter) const;

  const EigenSystem<double>* eigen_;
  Matrix<double> residual_;
  Matrix<double> modes_;  ///< of the residual, row i for the ascending eigenvalue i
  double ridge_;
  TrainingRule rule_;
};

}  // namespace ntkflow
