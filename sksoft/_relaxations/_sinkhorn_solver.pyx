# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Newton's method for the offsets of entropic plans on the line.

The dual is convex and smooth. Newton's steps are shortened where they would overshoot its
minimum along them, and have a largest length, so that a saturated plan is left again.
"""

from libc.math cimport exp, fabs, log

from sksoft._relaxations._sinkhorn_plan cimport (
    Plan,
    evaluate,
    factorize,
    logit,
    plan_in,
    set_odds,
    solve_factorized,
)

# Steps whose lengths add up to no more are the last ones: convergence is quadratic.
cdef double LAST_STEP = 1e-7


def start_plans(const double[:, ::1] x, const double[::1] strength, double[:, ::1] offset):
    """Start in the middle of the gaps; in the pooled limit, at log ratios of masses.

    The odds of the last target weigh its mass: the entries beyond its boundary, counted
    softly, since only those near it compete for the target before.
    """
    cdef Py_ssize_t r, i, j, n = x.shape[1], steps = offset.shape[1]
    cdef double rest
    with nogil:
        for r in range(x.shape[0]):
            for j in range(steps):
                offset[r, j] = -0.5 * logit(x[r, j + 1] - x[r, j], strength[r])
            rest = 0.0
            for i in range(steps, n):
                rest += exp(-logit(x[r, i] - x[r, steps], strength[r]))
            offset[r, steps - 1] -= log(rest)


def solve_plans(
    const double[:, ::1] x,
    const double[::1] strength,
    Py_ssize_t n_steps,
    double[:, ::1] offset,
    unsigned char[::1] settled,
    double[::1] residual,
    double[:, :, ::1] out,
    double[:, :, ::1] work,
    double[:, ::1] hessian,
    double[:, ::1] vectors,
):
    """Take up to so many Newton steps with the rows that are not settled.

    residual receives the largest relative error of a target's mass, and out the plans of
    shape (m, n) of the rows that settle. work is of shape (3, m - 1, n), hessian
    (m - 1, m - 1) and vectors (4, n).
    """
    cdef Py_ssize_t r
    cdef Plan plan = plan_in(work, vectors[0])
    with nogil:
        for r in range(x.shape[0]):
            if not settled[r]:
                settled[r] = solve(
                    &plan, &x[r, 0], strength[r], n_steps, &offset[r, 0], &residual[r],
                    &out[r, 0, 0], &hessian[0, 0], &vectors[1, 0], &vectors[2, 0],
                    &vectors[3, 0],
                )


cdef bint solve(
    Plan* plan, const double* x, double strength, Py_ssize_t n_steps, double* offset,
    double* residual, double* out, double* hessian, double* excess, double* step,
    double* factor,
) noexcept nogil:
    # The dual is convex: a step is not to overshoot its minimum along it by much.
    cdef Py_ssize_t j, steps = plan.m - 1
    cdef double slope, trial, scale, longest
    cdef bint last = False
    set_odds(plan, x, strength, offset)
    for j in range(steps):
        factor[j] = 1.0
    evaluate(plan, factor, excess, NULL)
    for _ in range(n_steps):
        longest = newton_step(plan, hessian, excess, step)
        last = longest * steps <= LAST_STEP
        if last:
            move(plan, x, strength, step, 1.0, offset, factor)
            evaluate(plan, factor, excess, out)
            break
        slope = 0.0
        for j in range(steps):
            slope += excess[j] * step[j]
        scale = 1.0
        move(plan, x, strength, step, scale, offset, factor)
        evaluate(plan, factor, excess, NULL)
        while True:
            trial = 0.0
            for j in range(steps):
                trial += excess[j] * step[j]
            if trial >= -0.5 * slope or scale < 1e-12:
                break
            trial = scale * (max(0.1, slope / (slope - trial)) - 1.0)
            scale += trial
            move(plan, x, strength, step, trial, offset, factor)
            evaluate(plan, factor, excess, NULL)
    residual[0] = largest_error(excess, steps, plan.n)
    return last


cdef double largest_error(const double* excess, Py_ssize_t steps, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    cdef double before = 0.0, error = 0.0
    for j in range(steps):
        error = max(error, fabs(excess[j] - before))
        before = excess[j]
    return max(error, fabs(before) / (n - steps))


cdef void move(
    Plan* plan, const double* x, double strength, const double* step, double scale,
    double* offset, double* factor,
) noexcept nogil:
    # A short move multiplies the odds, a long one has them computed anew.
    cdef Py_ssize_t j, steps = plan.m - 1
    cdef double largest = 0.0
    for j in range(steps):
        offset[j] += scale * step[j]
        factor[j] *= exp(-scale * step[j])
        largest = max(largest, max(factor[j], 1.0 / factor[j]))
    if largest > 1e10:
        set_odds(plan, x, strength, offset)
        for j in range(steps):
            factor[j] = 1.0


cdef double newton_step(
    Plan* plan, double* hessian, const double* excess, double* step
) noexcept nogil:
    # Return the length of the step.
    cdef Py_ssize_t j, steps = plan.m - 1
    cdef double longest = 0.0
    cdef double* scale = plan.room
    factorize(plan, excess, hessian, scale)
    for j in range(steps):
        step[j] = excess[j]
    solve_factorized(hessian, scale, steps, step)
    for j in range(steps):
        longest = max(longest, fabs(step[j]))
    return longest
