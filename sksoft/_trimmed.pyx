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
) noexcept nogil:
    # mass(threshold) = sum_i s_i clip((threshold - loss_i) / strength, 0, 1)
    cdef Py_ssize_t i
    cdef double share
    cdef double total = 0.0
    cdef double growing = 0.0
    for i in range(losses.shape[0]):
        share = fmin(fmax((threshold - losses[i]) / strength, 0.0), 1.0)
        total += sample_weight[i] * share
        growing += sample_weight[i] * (share > 0.0 and share < 1.0)
    mass[0] = total
    slope[0] = growing / strength


cdef double nearest_kink(
    const double[::1] losses, double strength, double threshold, bint above
) noexcept nogil:
    # On a flat piece: where the mass starts to grow above it, or ends to grow below.
    cdef Py_ssize_t i
    cdef double kink = INFINITY if above else -INFINITY
    for i in range(losses.shape[0]):
        if above and losses[i] >= threshold:
            kink = fmin(kink, losses[i])
        elif not above and losses[i] + strength <= threshold:
            kink = fmax(kink, losses[i] + strength)
    return kink


cdef double find_threshold(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double target,
    double threshold,
) noexcept nogil:
    # Newton on an increasing, piecewise linear function, kept inside a bracket. On a
    # flat piece the step goes beyond the kink that bounds it, so none is met twice.
    cdef double lower = -INFINITY
    cdef double upper = INFINITY
    cdef double mass, slope, proposal
    cdef int _step
    for _step in range(500):
        kept_mass(losses, sample_weight, strength, threshold, &mass, &slope)
        if fabs(mass - target) <= 1e-14 * target:
            break
        if mass < target:
            lower = threshold
        else:
            upper = threshold
        if slope > 0.0:
            proposal = threshold + (target - mass) / slope
        elif mass < target:
            proposal = nearest_kink(losses, strength, threshold, True) + strength
        else:
            proposal = nearest_kink(losses, strength, threshold, False) - strength
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
