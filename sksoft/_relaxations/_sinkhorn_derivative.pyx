# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The derivative of entropic plans on the line, at fixed masses.

With values v of the targets, plan (v - mean) and its sums above each boundary follow from
the steps of v, from target to target, and from the parts of the plan below and above: each
is a sum of products in which nothing small is the difference of what is large.
"""

from sksoft._ground.inline cimport sum_of
from sksoft._relaxations._sinkhorn_plan cimport (
    Plan,
    evaluate,
    factorize,
    plan_in,
    set_odds,
    solve_factorized,
)


def differentiate_plans(
    const double[:, ::1] x,
    const double[::1] strength,
    const double[:, ::1] offset,
    double[:, :, ::1] steps,
    double[:, :, ::1] plan_out,
    double[:, :, ::1] work,
    double[:, ::1] hessian,
    double[:, ::1] vectors,
):
    """Apply the derivative of plans in their logits, which is symmetric.

    steps holds differences, from target to target, of the derivatives of the logits, or of
    a cotangent of the plan. They are replaced by what the plan's derivatives sum up to
    above each boundary, and `plan_out`, where given, receives these derivatives. Masses stay
    fixed: the offsets follow.
    """
    cdef Py_ssize_t r, j
    cdef Plan plan = plan_in(work, vectors[0])
    cdef double* result = NULL
    with nogil:
        for r in range(x.shape[0]):
            for j in range(offset.shape[1]):
                vectors[1, j] = 1.0
            if plan_out is not None:
                result = &plan_out[r, 0, 0]
            set_odds(&plan, &x[r, 0], strength[r], &offset[r, 0])
            evaluate(&plan, &vectors[1, 0], &vectors[2, 0], result)
            factorize(&plan, NULL, &hessian[0, 0], &vectors[3, 0])
            add_tails(&plan, &steps[r, 0, 0], &vectors[1, 0], False)
            solve_factorized(&hessian[0, 0], &vectors[3, 0], offset.shape[1], &vectors[1, 0])
            for j in range(offset.shape[1]):
                shift(&steps[r, j, 0], vectors[1, j], plan.n)
            if plan_out is not None:
                multiply_centred(&plan, &steps[r, 0, 0], result)
            add_tails(&plan, &steps[r, 0, 0], &vectors[1, 0], True)


cdef void shift(double* values, double by, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        values[i] -= by


cdef void add_tails(
    Plan* plan, double* steps, double* total, bint replace
) noexcept nogil:
    # What plan (values - mean) sums up to above each boundary, from the steps of the values:
    # above[j] sum_{l < j} steps[l] below[l] + below[j] sum_{l >= j} steps[l] above[l].
    # total receives the sums over the points; the tails replace the steps, or the odds.
    cdef Py_ssize_t i, j, n = plan.n, count = plan.m - 1
    cdef double* room = plan.room
    cdef double* tail
    cdef const double* step
    cdef const double* below
    cdef const double* above
    for i in range(n):
        room[i] = 0.0
    for j in range(count):
        step, tail = steps + j * n, plan.odds + j * n
        below, above = plan.below + j * n, plan.above + j * n
        for i in range(n):
            tail[i] = above[i] * room[i]
            room[i] += step[i] * below[i]
    for i in range(n):
        room[i] = 0.0
    for j in range(count - 1, -1, -1):
        step, tail = steps + j * n, plan.odds + j * n
        below, above = plan.below + j * n, plan.above + j * n
        for i in range(n):
            room[i] += step[i] * above[i]
            tail[i] += below[i] * room[i]
        total[j] = sum_of(tail, n)
    if replace:
        for j in range(count):
            tail = plan.odds + j * n
            for i in range(n):
                steps[j * n + i] = tail[i]


cdef void multiply_centred(Plan* plan, const double* steps, double* parts) noexcept nogil:
    # parts *= values - mean, from the steps of the values from target to target:
    # sum_{l < j} steps[l] below[l] - sum_{l >= j} steps[l] above[l].
    cdef Py_ssize_t i, j, n = plan.n, count = plan.m - 1
    cdef double* room = plan.room
    cdef double* centred
    for i in range(n):
        room[i] = 0.0
    for j in range(count + 1):
        centred = plan.odds + j * n
        if j < count:
            for i in range(n):
                centred[i] = room[i]
                room[i] += steps[j * n + i] * plan.below[j * n + i]
        else:
            for i in range(n):
                parts[j * n + i] *= room[i]
    for i in range(n):
        room[i] = 0.0
    for j in range(count - 1, -1, -1):
        centred = plan.odds + j * n
        for i in range(n):
            room[i] += steps[j * n + i] * plan.above[j * n + i]
            parts[j * n + i] *= centred[i] - room[i]
