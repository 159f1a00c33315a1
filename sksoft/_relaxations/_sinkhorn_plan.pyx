# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic transport of sorted points on the line to few or many targets.

For the cost (x - y)^2 a plan is a softmax in each row, with
log(plan[i, j + 1] / plan[i, j]) = (x_i - pivot_j) rate_j - offset_j,
where rate_j = (y_{j+1} - y_j) / strength and the offsets are the dual variables. The pivot is an
entry near the boundary between the targets j and j + 1, so that no digit of the
differences that matter is lost at any strength.
"""

# Beyond this the odds of two targets are 0 or infinite.
cdef double SATURATED = 3000.0


def plan_logits(
    const double[::1] x,
    const double[::1] pivot,
    const double[::1] rate,
    const double[::1] offset,
    double[:, ::1] out,
):
    """out = logarithms of the rows of the plan, up to a constant for each row."""
    cdef Py_ssize_t i, n_steps = rate.shape[0]
    with nogil:
        for i in range(x.shape[0]):
            row_logits(x[i], &pivot[0], &rate[0], &offset[0], n_steps, &out[i, 0])


cdef void row_logits(
    double x, const double* pivot, const double* rate, const double* offset,
    Py_ssize_t n_steps, double* out,
) noexcept nogil:
    # The logits are summed outwards from the largest one: those that matter are then
    # sums of few small steps, whatever the others are.
    cdef Py_ssize_t j, mode = 0
    cdef double total = 0.0, best = 0.0, step, difference
    for j in range(n_steps):
        difference = x - pivot[j]
        step = 0.0
        if difference != 0.0:
            # The rate is infinite where the strength is zero.
            step = min(max(difference * rate[j], -SATURATED), SATURATED)
        step -= offset[j]
        out[j + 1] = step
        total += step
        if total > best:
            best = total
            mode = j + 1
    total = 0.0
    for j in range(mode - 1, -1, -1):
        # out[j + 1] still holds a step until it is overwritten by its logit.
        step = out[j + 1]
        out[j + 1] = total
        total -= step
    if mode > 0:
        out[0] = total
    total = 0.0
    if mode == 0:
        out[0] = 0.0
    for j in range(mode + 1, n_steps + 1):
        total += out[j]
        out[j] = total


def cumulate_plan(double[:, ::1] plan, double[:, ::1] below, double[:, ::1] above):
    """Normalise the rows of a plan; below and above are their sums from either end."""
    cdef Py_ssize_t i, j, m = plan.shape[1]
    cdef double total, scale
    with nogil:
        for i in range(plan.shape[0]):
            total = 0.0
            for j in range(m):
                total += plan[i, j]
            scale = 1.0 / total
            total = 0.0
            for j in range(m):
                plan[i, j] *= scale
            for j in range(m - 1):
                total += plan[i, j]
                below[i, j] = total
            total = 0.0
            for j in range(m - 1, 0, -1):
                total += plan[i, j]
                above[i, j - 1] = total


def marginal_excess(
    const double[:, ::1] below,
    const double[:, ::1] above,
    const double[::1] mass,
    const Py_ssize_t[::1] boundary,
    double[::1] excess,
):
    """Add, for each boundary, what lies above it of the rows below, less the converse."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(below.shape[0]):
            for j in range(below.shape[1]):
                if i < boundary[j]:
                    excess[j] += mass[i] * above[i, j]
                else:
                    excess[j] -= mass[i] * below[i, j]
