# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The capped simplex: soft weights of the rows with the smallest losses."""

from libc.math cimport INFINITY, fabs, fmax, fmin


cdef void kept_mass(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double threshold,
    double* mass,
    double* slope,
    double* next_kink,
    double* last_kink,
) noexcept nogil:
    # mass(threshold) = sum_i s_i clip((threshold - loss_i) / strength, 0, 1), its
    # slope, and the nearest kinks where it starts to grow above, or ends below.
    cdef Py_ssize_t i
    cdef double depth
    mass[0] = 0.0
    slope[0] = 0.0
    next_kink[0] = INFINITY
    last_kink[0] = -INFINITY
    for i in range(losses.shape[0]):
        depth = threshold - losses[i]
        if depth <= 0.0:
            next_kink[0] = fmin(next_kink[0], losses[i])
        elif depth >= strength:
            mass[0] += sample_weight[i]
            last_kink[0] = fmax(last_kink[0], losses[i] + strength)
        else:
            mass[0] += sample_weight[i] * (depth / strength)
            slope[0] += sample_weight[i] / strength


cdef double find_threshold(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double target,
    double threshold,
) noexcept nogil:
    # Newton on an increasing, piecewise linear function, kept inside a bracket. On a
    # flat piece the step goes to the kink that bounds it, so no piece is met twice.
    cdef double lower = -INFINITY
    cdef double upper = INFINITY
    cdef double mass, slope, next_kink, last_kink, proposal
    cdef int _step
    for _step in range(500):
        kept_mass(losses, sample_weight, strength, threshold,
                  &mass, &slope, &next_kink, &last_kink)
        if fabs(mass - target) <= 1e-14 * target:
            break
        if mass < target:
            lower = threshold
            if next_kink == INFINITY and slope == 0.0:
                break
            if slope > 0.0:
                proposal = threshold + (target - mass) / slope
            else:
                proposal = next_kink + strength
        else:
            upper = threshold
            if slope > 0.0:
                proposal = threshold + (target - mass) / slope
            else:
                proposal = last_kink - strength
        if not (lower < proposal < upper):
            proposal = 0.5 * (lower + upper)
            if not (lower < proposal < upper):
                break
        threshold = proposal
    return threshold


def soft_mask(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double kept,
    double threshold,
    double[::1] mask,
):
    """Write the mask of the smallest losses; return its objective and threshold.

    The mask minimises ``sum s (mask * losses + strength / 2 * mask ** 2)`` over
    ``0 <= mask <= 1`` and ``sum s * mask = kept``; ``strength`` is positive.
    """
    cdef Py_ssize_t i
    cdef double value = 0.0
    cdef double m
    with nogil:
        threshold = find_threshold(losses, sample_weight, strength, kept, threshold)
        for i in range(losses.shape[0]):
            m = fmin(fmax((threshold - losses[i]) / strength, 0.0), 1.0)
            mask[i] = m
            if m > 0.0:
                value += sample_weight[i] * m * (losses[i] + 0.5 * strength * m)
    return value, threshold
