# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic transport of n sorted points of mass one to m targets 0, ..., m - 1 on the line.

Each target takes the mass one, and the last one all the rest. For the cost (x - y)^2 a plan
is a softmax over the targets for each point, with the odds of neighbouring targets
    plan[j + 1, i] / plan[j, i] = exp((x[i] - x[j + 1]) / strength - offset[j]),
where the offsets are the dual variables: x[j + 1] is the entry at the boundary between the
targets j and j + 1, so that no digit of the differences that matter is lost at any strength.
With below = plan[0] + ... + plan[j] and above = plan[j + 1] + ... + plan[m - 1], the Hessian of
the dual is sum_i below[min(j, l), i] above[max(j, l), i]: positive terms, nothing cancels. A
plan lies in memory target by target, so that the inner loops run over the points.
"""

from cython cimport floating
from libc.math cimport exp, fabs, sqrt
from scipy.linalg.cython_blas cimport dgemm
from scipy.linalg.cython_lapack cimport dpotrf, dpotrs

from sksoft._ground.inline cimport sum_of

# Odds and sums are kept between 1 / HUGE and HUGE: their products do not overflow.
cdef double HUGE = 2.0**500
cdef double LOG_HUGE = 346.0
# Parts of a plan below this are zero.
cdef double TINY = 2.0**-432
# No step of an offset is longer than about this: beyond it the odds are saturated.
cdef double REACH = 50.0


cdef Plan plan_in(double[:, :, ::1] work, double[::1] room) noexcept nogil:
    cdef Plan plan
    plan.n = work.shape[2]
    plan.m = work.shape[1] + 1
    plan.odds = &work[0, 0, 0]
    plan.below = &work[1, 0, 0]
    plan.above = &work[2, 0, 0]
    plan.room = &room[0]
    return plan


cdef double logit(double difference, double strength) noexcept nogil:
    # A quotient in logits, without more than saturates; the strength may be zero.
    if difference == 0.0:
        return 0.0
    return min(max(difference / strength, -4.0 * LOG_HUGE), 4.0 * LOG_HUGE)


cdef void set_odds(
    Plan* plan, const double* x, double strength, const double* offset
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double t
    cdef double* odds
    for j in range(plan.m - 1):
        odds = plan.odds + j * plan.n
        for i in range(plan.n):
            t = logit(x[i] - x[j + 1], strength) - offset[j]
            if t > LOG_HUGE:
                odds[i] = HUGE
            elif t < -LOG_HUGE:
                odds[i] = 1.0 / HUGE
            else:
                odds[i] = exp(t)


cdef void evaluate(
    Plan* plan, const double* factor, double* excess, double* parts
) noexcept nogil:
    # below and above, the mass that too much of the plan has above each boundary, and the
    # plan itself where parts has room for it. With b = (plan[0] + ... + plan[j]) / plan[j],
    # and t the same of what is above, a plan is 1 / (b + t): only positive terms add up.
    cdef Py_ssize_t i, j, n = plan.n, steps = plan.m - 1
    cdef double t, scale, low, high
    cdef const double* odds
    cdef double* below
    cdef double* above
    cdef double* part
    cdef double* room = plan.room
    for i in range(n):
        room[i] = 1.0
    for j in range(steps):
        odds, below = plan.odds + j * n, plan.below + j * n
        for i in range(n):
            below[i] = room[i]
            t = max(odds[i] * factor[j], 1.0 / HUGE)
            room[i] = 1.0 + min(room[i] / t, HUGE)
    if parts != NULL:
        part = parts + steps * n
        for i in range(n):
            t = 1.0 / room[i]
            part[i] = t if t > TINY else 0.0
    for i in range(n):
        room[i] = 1.0
    for j in range(steps - 1, -1, -1):
        odds, below, above = plan.odds + j * n, plan.below + j * n, plan.above + j * n
        part = NULL if parts == NULL else parts + j * n
        for i in range(n):
            t = min(max(odds[i] * factor[j], 1.0 / HUGE), HUGE) * room[i]
            scale = 1.0 / (below[i] + t)
            low = below[i] * scale
            high = t * scale
            below[i] = low if low > TINY else 0.0
            above[i] = high if high > TINY else 0.0
            room[i] = 1.0 + min(t, HUGE)
            if part != NULL:
                part[i] = scale if scale > TINY else 0.0
        excess[j] = sum_of(above, j + 1) - sum_of(below + j + 1, n - j - 1)


cdef void factorize(
    Plan* plan, const double* excess, double* hessian, double* scale
) noexcept nogil:
    # The Cholesky factor of the Hessian, scaled to a unit diagonal. Where almost all is
    # saturated, an excess makes the diagonal larger, so that no step runs away.
    cdef Py_ssize_t j, i, steps = plan.m - 1
    cdef int n = <int> plan.n, m = <int> steps, info = 1
    cdef double one = 1.0, zero = 0.0, ridge = 0.0, diagonal
    cdef char transposed = b"T", plain = b"N", lower = b"L"
    while info != 0:
        dgemm(
            &transposed, &plain, &m, &m, &n, &one, plan.above, &n, plan.below, &n, &zero,
            hessian, &m,
        )
        for j in range(steps):
            diagonal = hessian[j * steps + j]
            if excess != NULL:
                diagonal = max(diagonal, fabs(excess[j]) / REACH)
            scale[j] = 1.0 / sqrt(diagonal) if diagonal > 0.0 else 0.0
        for j in range(steps):
            for i in range(j + 1, steps):
                hessian[j * steps + i] *= scale[j] * scale[i]
            hessian[j * steps + j] = 1.0 + ridge
        dpotrf(&lower, &m, hessian, &m, &info)
        ridge = max(10.0 * ridge, 1e-15 * steps)


cdef void solve_factorized(
    double* hessian, const double* scale, Py_ssize_t steps, double* vector
) noexcept nogil:
    cdef Py_ssize_t j
    cdef int m = <int> steps, one = 1, info = 0
    cdef char lower = b"L"
    for j in range(steps):
        vector[j] *= scale[j]
    dpotrs(&lower, &m, &one, hessian, &m, vector, &m, &info)
    for j in range(steps):
        vector[j] *= scale[j]


def read_plans(
    const double[:, ::1] x,
    const double[::1] strength,
    const double[:, ::1] offset,
    double[:, :, ::1] out,
    double[:, :, ::1] work,
    double[:, ::1] vectors,
):
    """out[r] = the plan of a row, of shape (m, n)."""
    cdef Py_ssize_t r, j
    cdef Plan plan = plan_in(work, vectors[0])
    with nogil:
        for j in range(offset.shape[1]):
            vectors[1, j] = 1.0
        for r in range(x.shape[0]):
            set_odds(&plan, &x[r, 0], strength[r], &offset[r, 0])
            evaluate(&plan, &vectors[1, 0], &vectors[2, 0], &out[r, 0, 0])


def put_plans(
    const double[:, :, ::1] plan, const Py_ssize_t[:, ::1] order, floating[:, :, :] out
):
    """out[r, order[r, i], j] = plan[r, j, i], for the first targets j"""
    cdef Py_ssize_t r, i, j
    with nogil:
        for r in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    out[r, order[r, i], j] = <floating> plan[r, j, i]


def take_steps(
    const floating[:, :, :] values, const Py_ssize_t[:, ::1] order, double[:, :, ::1] out
):
    """out[r, j, i] = values[r, order[r, i], j + 1] - values[r, order[r, i], j], or 0 - it"""
    cdef Py_ssize_t r, i, j, m = values.shape[2]
    cdef double following
    with nogil:
        for r in range(out.shape[0]):
            for i in range(out.shape[2]):
                for j in range(out.shape[1]):
                    following = values[r, order[r, i], j + 1] if j + 1 < m else 0.0
                    out[r, j, i] = following - values[r, order[r, i], j]
