# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exponentials and logarithms of many numbers, 32 at a time and without a branch.

exp(x) = 2^k exp(r), where k is a whole number and r at most half of log 2. What the
series of exp(r) leaves out after its power 13 is far below the rounding of the result,
whose error is below one unit in the last place (Tang 1989, ACM TOMS 15, has the reduction).
NumPy's own is as fast on processors with AVX-512, and several times slower on others.

log(x) = k log 2 + log(1 + f), where 1 + f is between the square roots of 1/2 and 2; the
series of log(1 + f) in f / (2 + f) has the coefficients of FreeBSD's msun (e_log.c).
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from sksoft._ground.inline cimport divided_by
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
    static void sksoft_log(double*, Py_ssize_t) SKSOFT_WIDE;
    """

# 1.5 * 2^52, which rounds what is added to it to a whole number in its lowest bits.
cdef double WHOLE = 6755399441055744.0
cdef double PER_LOG_2 = 1.4426950408889634
# log 2 in two parts; products of the first with numbers of up to 20 bits are exact.
cdef double LOG_2 = 6.93147180369123816490e-01
cdef double REST_OF_LOG_2 = 1.90821492927058770002e-10
# Below this the result is 0, and not a number of fewer digits.
cdef double LOWEST = -708.0
# The bits of 1 less those of the square root of 1/2, and the bits of 2^52.
cdef uint64_t TO_ONE = 0x3ff0000000000000 - 0x3fe6a09e667f3bcd
cdef uint64_t BITS_OF_WHOLE = 0x4330000000000000


def replace_by_exp(double[::1] x):
    """Replace numbers, of at most 700, by their exponentials."""
    if x.shape[0] > 0:
        with nogil:
            replace(&x[0], x.shape[0], exp_lanes)


def replace_by_log(double[::1] x):
    """Replace numbers, which are positive and not subnormal, by their logarithms."""
    if x.shape[0] > 0:
        with nogil:
            replace(&x[0], x.shape[0], log_lanes)


cdef void replace(double* x, Py_ssize_t n, lanes_function function) noexcept nogil:
    cdef Py_ssize_t i, whole = n - n % LANES
    cdef double rest[LANES]
    function(x, whole)
    for i in range(LANES):
        rest[i] = x[whole + i] if whole + i < n else 1.0
    function(rest, LANES)
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


cdef void log_lanes "sksoft_log" (double* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, lane
    cdef double f[LANES]
    cdef double k[LANES]
    cdef uint64_t pattern[LANES]
    cdef uint64_t power[LANES]
    cdef double s, t, even, odd, half
    for i in range(0, n, 32):
        memcpy(pattern, x + i, sizeof(pattern))
        for lane in range(LANES):
            # The exponent, plus 1023, of a number that is at least the root of 1/2.
            power[lane] = (pattern[lane] + TO_ONE) >> 52
            pattern[lane] += (<uint64_t> 1023 << 52) - (power[lane] << 52)
            power[lane] |= BITS_OF_WHOLE
        memcpy(f, pattern, sizeof(f))
        memcpy(k, power, sizeof(k))
        for lane in range(LANES):
            f[lane] -= 1.0
            k[lane] -= 4503599627370496.0 + 1023.0
        for lane in range(LANES):
            s = f[lane] / (2.0 + f[lane])
            half = 0.5 * f[lane] * f[lane]
            t = s * s
            odd = 6.666666666666735130e-01 + t * t * (
                2.857142874366239149e-01 + t * t * (
                    1.818357216161805012e-01 + t * t * 1.479819860511658591e-01
                )
            )
            even = 3.999999999940941908e-01 + t * t * (
                2.222219843214978396e-01 + t * t * 1.531383769920937332e-01
            )
            t = t * (odd + t * even)
            t = s * (half + t) + k[lane] * REST_OF_LOG_2
            x[i + lane] = k[lane] * LOG_2 - ((half - t) - f[lane])


def write_gaps(const double[:, ::1] s, const double[::1] strength, double[:, ::1] out):
    """Write s[i - 1] - s[i], over the strength where there is one, but at least -600.

    Their exponentials vanish for all purposes, and are far from subnormal numbers,
    which cost far more. Ties have a gap of zero at any strength.
    """
    cdef Py_ssize_t r, i, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0] if n > 0 else 0):
            out[r, 0] = 0.0
            if strength is None:
                gaps_of(&s[r, 0], n, 1.0, &out[r, 0])
            elif strength[r] > 0.0:
                gaps_of(&s[r, 0], n, strength[r], &out[r, 0])
            else:
                for i in range(1, n):
                    out[r, i] = -600.0 if s[r, i - 1] < s[r, i] else 0.0


cdef void gaps_of(
    const double* s, Py_ssize_t n, double strength, double* out
) noexcept nogil:
    # What is below -600 is replaced by a choice of numbers, which needs no branch.
    cdef Py_ssize_t i
    cdef double gap, inverse = 1.0 / strength
    for i in range(1, n):
        gap = divided_by(s[i - 1] - s[i], strength, inverse)
        out[i] = chosen(gap, -600.0, -600.0, gap)
