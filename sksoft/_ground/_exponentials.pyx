# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exponentials of many numbers, 32 at a time and without a branch.

exp(x) = 2^k exp(r), where k is a whole number and r at most half of log 2. What the
series of exp(r) leaves out after its power 13 is far below the rounding of the result,
whose error is below one unit in the last place (Tang 1989, ACM TOMS 15, has the reduction).
NumPy's own is as fast on processors with AVX-512, and several times slower on others.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from sksoft._ground.side_by_side cimport LANES, chosen

cdef extern from *:
    """
    /* Compiled for wider vectors besides, where one file can hold all. */
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) \
        && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
    #define SKSOFT_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
    #else
    #define SKSOFT_WIDE
    #endif
    static void sksoft_exp(double*, Py_ssize_t) SKSOFT_WIDE;
    """

# 1.5 * 2^52, which rounds what is added to it to a whole number in its lowest bits.
cdef double WHOLE = 6755399441055744.0
cdef double PER_LOG_2 = 1.4426950408889634
# log 2 in two parts; products of the first with numbers of up to 20 bits are exact.
cdef double LOG_2 = 6.93147180369123816490e-01
cdef double REST_OF_LOG_2 = 1.90821492927058770002e-10
# Below this the result is 0, and not a number of fewer digits.
cdef double LOWEST = -708.0


def replace_by_exp(double[::1] x):
    """Replace numbers, of at most 700, by their exponentials."""
    cdef Py_ssize_t n = x.shape[0], whole = n - n % LANES
    cdef double rest[LANES]
    cdef Py_ssize_t i
    if n == 0:
        return
    with nogil:
        exp_lanes(&x[0], whole)
        for i in range(LANES):
            rest[i] = x[whole + i] if whole + i < n else 0.0
        exp_lanes(rest, LANES)
        for i in range(whole, n):
            x[i] = rest[i - whole]


cdef void exp_lanes "sksoft_exp" (double* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, lane
    cdef double r[LANES]
    cdef double k[LANES]
    cdef double value[LANES]
    cdef int64_t power[LANES]
    cdef int64_t pattern[LANES]
    cdef double t, s, q
    for i in range(0, n, 32):
        for lane in range(LANES):
            t = chosen(x[i + lane], LOWEST, LOWEST, x[i + lane])
            k[lane] = t * PER_LOG_2 + WHOLE
            s = k[lane] - WHOLE
            r[lane] = (t - s * LOG_2) - s * REST_OF_LOG_2
        for lane in range(LANES):
            t = r[lane]
            s = t * t
            # Coefficients of t^2 to t^13, in pairs.
            q = 1.0 / 479001600.0 + t * (1.0 / 6227020800.0)
            q = (1.0 / 3628800.0 + t * (1.0 / 39916800.0)) + s * q
            q = (1.0 / 40320.0 + t * (1.0 / 362880.0)) + s * q
            q = (1.0 / 720.0 + t * (1.0 / 5040.0)) + s * q
            q = (1.0 / 24.0 + t * (1.0 / 120.0)) + s * q
            q = (0.5 + t * (1.0 / 6.0)) + s * q
            value[lane] = 1.0 + (t + s * q)
        memcpy(power, k, sizeof(power))
        memcpy(pattern, value, sizeof(pattern))
        for lane in range(LANES):
            pattern[lane] += power[lane] << 52
        memcpy(value, pattern, sizeof(value))
        for lane in range(LANES):
            x[i + lane] = chosen(x[i + lane], LOWEST, 0.0, value[lane])
