// All activations. This file is included inside a namespace: once for scalars (scalar.hpp) and once
// for each instruction set (tile.cpp, activation_function.cpp), because a function must be compiled
// for the instruction set of its vectors. A new activation is a file beside this one, plus its two
// lines here.
//
// An activation is a class with
//   kName, kParameters   its name and parameters in the configuration; constructed from the values
//   textbook(q1, q2, c)  F and G as the source prints them, for scalars of any precision: the
//                        oracle of the fast form
//   fast(q1, q2, c)      the same, arranged for speed and small rounding errors, for SIMD vectors
//   apply(x)             s(x) and s'(x) for SIMD vectors; at a kink the s' of one side, at a jump 0
//   diagonal(q)          F(q, q, q) and G(q, q, q) exactly, from q alone
// where (u, v) ~ N(0, [[q1, c], [c, q2]]). fast must be symmetric in q1 and q2 to the last bit, and
// its errors hold relative to the exact function of the given q1, q2, c. diagonal returns what is
// not finite where the second moment diverges.
//
// and, where it applies,
//   kIsHomogeneous       s(r x) = r^n s(x) for an n and all r > 0
//   kNoNtk               why the derivative covariance, and with it the NTK, does not exist
//   kTextbookIntegrates  textbook is slow, and near takes tens of microseconds
//   kIsKernelOnly        a dual function that no activation is asked for: it serves a kernel of
//                        named_kernel.hpp, has no apply and kNoNtk, and a configuration cannot name
//                        it as an activation
//   near(q1, q2, c_sign, gap)  (scalar.hpp's double only) for activations with a kink: the duals,
//   and how far F
//                        stays from its own bound, from gap = sqrt(q1 q2) - |c|, which c itself has
//                        lost to rounding where gap is small. See NearDuals

inline constexpr std::string_view kNoNetwork =
    "it serves a kernel that comes without a network, and so without an NTK";

// What other files build on first.
#include "activations/polynomial_base.inl"
#include "activations/relu.inl"
#include "activations/two_slopes.inl"
#include "activations/wave.inl"
//
#include "activations/monomial.inl"
#include "activations/sin.inl"
//
#include "activations/abrelu.inl"
#include "activations/abs.inl"
#include "activations/cos.inl"
#include "activations/elu.inl"
#include "activations/erf.inl"
#include "activations/exp.inl"
#include "activations/gaussian.inl"
#include "activations/gelu.inl"
#include "activations/hard_tanh.inl"
#include "activations/hermite.inl"
#include "activations/identity.inl"
#include "activations/laplace.inl"
#include "activations/leaky_relu.inl"
#include "activations/offset_power.inl"
#include "activations/polynomial.inl"
#include "activations/rbf.inl"
#include "activations/rectified_monomial.inl"
#include "activations/relu6.inl"
#include "activations/selu.inl"
#include "activations/sign.inl"
#include "activations/step.inl"

using Activations = ActivationList<  //
    Identity,                        //
    Relu,                            //
    LeakyRelu,                       //
    Abs,                             //
    AbRelu,                          //
    RectifiedMonomial,               //
    Sign,                            //
    Step,                            //
    Erf,                             //
    Gelu,                            //
    Elu,                             //
    Selu,                            //
    Relu6,                           //
    HardTanh,                        //
    HardSigmoid,                     //
    Exp,                             //
    Gaussian,                        //
    Rbf,                             //
    Sin,                             //
    Cos,                             //
    Monomial,                        //
    Polynomial,                      //
    Hermite,                         //
    OffsetPower,                     //
    Laplace>;
