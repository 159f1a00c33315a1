# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Build the compiled kernels; everything else is declared in pyproject.toml."""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# What the kernels take for granted; elsewhere nobody has ever run their tests.
if sys.maxsize < 2**63 - 1:
    sys.exit(
        "sksoft needs a 64-bit Python: its sorts keep 64-bit keys in the memory of "
        f"indices, which here have {sys.maxsize.bit_length() + 1} bits."
    )
if sys.byteorder != "little":
    sys.exit(
        "sksoft needs a little-endian machine: its sorts work on the bits of numbers, "
        "and have been tested in that order of bytes only."
    )

# Every compiled module of the package: name of the module, its sources.
EXTENSIONS = {
    "sksoft._ground._blocks": ["sksoft/_ground/_blocks.pyx"],
    "sksoft._ground._exponentials": ["sksoft/_ground/_exponentials.pyx"],
    "sksoft._ground._networks": ["sksoft/_ground/_networks.pyx"],
    "sksoft._ground._order": ["sksoft/_ground/_order.pyx"],
    "sksoft._ground._pairs": ["sksoft/_ground/_pairs.pyx"],
    "sksoft._ground._partition": ["sksoft/_ground/_partition.pyx"],
    "sksoft._ground._pav_exponential": ["sksoft/_ground/_pav_exponential.pyx"],
    "sksoft._ground._pav_narrow": ["sksoft/_ground/_pav_narrow.pyx"],
    "sksoft._ground._pooled_rows": ["sksoft/_ground/_pooled_rows.pyx"],
    "sksoft._ground._radix": ["sksoft/_ground/_radix.pyx"],
    "sksoft._ground._range": ["sksoft/_ground/_range.pyx"],
    "sksoft._ground._short_blocks": ["sksoft/_ground/_short_blocks.pyx"],
    "sksoft._ground._short_exponential": ["sksoft/_ground/_short_exponential.pyx"],
    "sksoft._ground._short_minorants": ["sksoft/_ground/_short_minorants.pyx"],
    "sksoft._ground._short_orders": ["sksoft/_ground/_short_orders.pyx"],
    "sksoft._ground._short_rows": ["sksoft/_ground/_short_rows.pyx"],
    "sksoft._ground._short_shares": ["sksoft/_ground/_short_shares.pyx"],
    "sksoft._pav": ["sksoft/_pav.pyx"],
    "sksoft._relaxations._beam": ["sksoft/_relaxations/_beam.pyx"],
    "sksoft._relaxations._comparisons": ["sksoft/_relaxations/_comparisons.pyx"],
    "sksoft._relaxations._isotonic": ["sksoft/_relaxations/_isotonic.pyx"],
    "sksoft._relaxations._laplace": ["sksoft/_relaxations/_laplace.pyx"],
    "sksoft._relaxations._power_mask": ["sksoft/_relaxations/_power_mask.pyx"],
    "sksoft._relaxations._rank_law": ["sksoft/_relaxations/_rank_law.pyx"],
    "sksoft._relaxations._selection_product": [
        "sksoft/_relaxations/_selection_product.pyx"
    ],
    "sksoft._relaxations._sinkhorn_derivative": [
        "sksoft/_relaxations/_sinkhorn_derivative.pyx"
    ],
    "sksoft._relaxations._sinkhorn_mask": ["sksoft/_relaxations/_sinkhorn_mask.pyx"],
    "sksoft._relaxations._sinkhorn_plan": ["sksoft/_relaxations/_sinkhorn_plan.pyx"],
    "sksoft._relaxations._sinkhorn_solver": [
        "sksoft/_relaxations/_sinkhorn_solver.pyx"
    ],
    "sksoft._relaxations._sinkhorn_start": ["sksoft/_relaxations/_sinkhorn_start.pyx"],
    "sksoft._relaxations._softmax_sort": ["sksoft/_relaxations/_softmax_sort.pyx"],
    "sksoft._relaxations._viterbi": ["sksoft/_relaxations/_viterbi.pyx"],
    "sksoft.linear_model._trimmed_mask": ["sksoft/linear_model/_trimmed_mask.pyx"],
    "sksoft.neighbors._distances": ["sksoft/neighbors/_distances.pyx"],
    "sksoft.neighbors._smallest": ["sksoft/neighbors/_smallest.pyx"],
    "sksoft.preprocessing._knots": ["sksoft/preprocessing/_knots.pyx"],
}

# What GCC and Clang may assume of the numbers of a module besides; it is as right, but
# slower, without.
FINITE = ["-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math"]
FLAGS = {
    "sksoft._ground._networks": FINITE,
    # Selections need no branch where nobody looks at floating-point exceptions.
    "sksoft._ground._exponentials": ["-fno-trapping-math"],
    "sksoft._ground._partition": ["-fno-trapping-math"],
    "sksoft._ground._pav_exponential": ["-fno-trapping-math"],
    "sksoft._ground._short_blocks": FINITE,
    "sksoft._ground._short_exponential": FINITE,
    "sksoft._ground._short_minorants": FINITE,
    "sksoft._ground._short_orders": FINITE,
    "sksoft._ground._short_rows": FINITE,
    "sksoft._ground._short_shares": FINITE,
    "sksoft._relaxations._selection_product": ["-fno-trapping-math"],
    "sksoft._relaxations._sinkhorn_mask": ["-fno-trapping-math"],
}
# On processors that multiply and add in one step, two loops that do the same sums would
# round differently: a row would not be in a batch what it is alone.
ALL_FLAGS = ["-ffp-contract=off"]

# SKSOFT_DEBUG_CYTHON=1 builds kernels that check every index.
DEBUG = os.environ.get("SKSOFT_DEBUG_CYTHON", "0") == "1"
# SKSOFT_SANITIZE=1 builds kernels that stop at a bad address or at undefined behaviour.
SANITIZE = os.environ.get("SKSOFT_SANITIZE", "0") == "1"
# SKSOFT_COVERAGE_CYTHON=1 builds kernels that report line coverage (slow).
COVERAGE = os.environ.get("SKSOFT_COVERAGE_CYTHON", "0") == "1"

SANITIZERS = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-g",
]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "nonecheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
    "linetrace": COVERAGE,
}
MACROS = [("CYTHON_TRACE_NOGIL", "1")] if COVERAGE else []


class BuildExt(build_ext):
    """Optimise fully wherever the compiler understands -O3, on all processors."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self):
        if self.compiler.compiler_type != "msvc":
            for extension in self.extensions:
                flags = [*ALL_FLAGS, *FLAGS.get(extension.name, [])]
                if SANITIZE:
                    flags = [*flags, *SANITIZERS]
                    extension.extra_link_args += SANITIZERS
                level = "-O1" if SANITIZE else "-O3"
                extension.extra_compile_args += [level, *flags]
                if sys.platform == "linux" and not (DEBUG or SANITIZE):
                    extension.extra_link_args.append("-Wl,--strip-all")
        super().build_extensions()


setup(
    ext_modules=cythonize(
        [
            Extension(name, sources, define_macros=MACROS)
            for name, sources in EXTENSIONS.items()
        ],
        compiler_directives=DIRECTIVES,
        # Not beside the sources, where the usual build would take them for its own.
        build_dir="build/debug" if DEBUG else None,
    ),
    cmdclass={"build_ext": BuildExt},
)
