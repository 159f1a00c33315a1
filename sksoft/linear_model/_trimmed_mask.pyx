# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft weights of the rows with the smallest losses, of a given total."""

from libc.math cimport INFINITY, exp, fabs, fmax, log1p


cdef inline double least(double a, double b) noexcept nogil:
    # One instruction, unlike fmin with its rules for NaN.
    return a if a < b else b


cdef inline double most(double a, double b) noexcept nogil:
    return a if a > b else b


cdef inline double capped_share(double depth) noexcept nogil:
    return least(most(depth, 0.0), 1.0)


cdef inline double logistic_share(double depth) noexcept nogil:
    if depth >= 0.0:
        return 1.0 / (1.0 + exp(-depth))
    return exp(depth) / (1.0 + exp(depth))


cdef void kept_mass(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double threshold,
    bint entropic,
    double* mass,
    double* slope,
) noexcept nogil:
    # mass(threshold) = sum_i s_i share((threshold - loss_i) / strength), and its slope
    cdef Py_ssize_t i
    cdef double share
    cdef double total = 0.0
    cdef double growing = 0.0
    if entropic:
        for i in range(losses.shape[0]):
            share = logistic_share((threshold - losses[i]) / strength)
            total += sample_weight[i] * share
            growing += sample_weight[i] * share * (1.0 - share)
    else:
        for i in range(losses.shape[0]):
            share = capped_share((threshold - losses[i]) / strength)
            total += sample_weight[i] * share
            growing += sample_weight[i] * (share > 0.0 and share < 1.0)
    mass[0] = total
    slope[0] = growing / strength


cdef double find_threshold(
    const double[::1] losses,
    const double[::1] sample_weight,
    double strength,
    double target,
    double threshold,
    bint entropic,
) noexcept nogil:
    # Newton on an increasing function, kept inside a bracket by bisection.
    cdef Py_ssize_t i
    cdef double lower = INFINITY
    cdef double upper = -INFINITY
    cdef double mass, slope, proposal
    cdef int _step
    for i in range(losses.shape[0]):
        lower = least(lower, losses[i])
        upper = most(upper, losses[i])
    # Here the mass is 0 and all, to rounding: exp(-40) < 1e-17.
    lower -= 40.0 * strength if entropic else 0.0
    upper += 40.0 * strength if entropic else strength
    threshold = least(most(threshold, lower), upper)
    for _step in range(2000):
        kept_mass(losses, sample_weight, strength, threshold, entropic, &mass, &slope)
        if fabs(mass - target) <= 1e-14 * target:
            break
        if mass < target:
            lower = threshold
        else:
            upper = threshold
        proposal = threshold + (target - mass) / slope if slope > 0.0 else INFINITY
        if not (lower < proposal < upper):
            proposal = lower + 0.5 * (upper - lower)
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
    bint entropic,
    double[::1] mask,
):
    """Write the mask of the smallest losses; return its objective and threshold.

    The mask minimises ``sum s (mask * losses + strength * penalty(mask))`` over
    ``0 <= mask <= 1`` and ``sum s * mask = kept``. The penalty is half the square of
    the mask less its mean or, if entropic, ``mask log(mask) + (1 - mask) log(1 -
    mask)``. The strength is positive and ``threshold`` a guess.
    """
    cdef Py_ssize_t i
    cdef double value = 0.0
    cdef double total = 0.0
    cdef double depth
    with nogil:
        threshold = find_threshold(
            losses, sample_weight, strength, kept, threshold, entropic
        )
        if entropic:
            # mask * loss + strength * penalty = mask * threshold - strength * softplus
            for i in range(losses.shape[0]):
                depth = (threshold - losses[i]) / strength
                mask[i] = logistic_share(depth)
                value += sample_weight[i] * (
                    mask[i] * threshold
                    - strength * (fmax(depth, 0.0) + log1p(exp(-fabs(depth))))
                )
        else:
            # The constant strength / 2 * sum s mean^2 would drown the rest: leave it out.
            for i in range(losses.shape[0]):
                total += sample_weight[i]
            for i in range(losses.shape[0]):
                mask[i] = capped_share((threshold - losses[i]) / strength)
                depth = mask[i] - kept / total
                value += sample_weight[i] * (
                    mask[i] * losses[i] + 0.5 * strength * depth * depth
                )
    return value, threshold
