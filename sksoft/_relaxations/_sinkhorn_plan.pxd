# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause


cdef struct Plan:
    # The parts of a plan that lie below and above each boundary, and room for the odds.
    Py_ssize_t n, m
    double* odds
    double* below
    double* above
    double* room


cdef Plan plan_in(double[:, :, ::1] work, double[::1] room) noexcept nogil

cdef double logit(double difference, double strength) noexcept nogil

cdef void set_odds(
    Plan* plan, const double* x, double strength, const double* offset
) noexcept nogil

cdef void evaluate(
    Plan* plan, const double* factor, double* excess, double* parts
) noexcept nogil

cdef void factorize(
    Plan* plan, const double* excess, double* hessian, double* scale
) noexcept nogil

cdef void solve_factorized(
    double* hessian, const double* scale, Py_ssize_t steps, double* vector
) noexcept nogil
