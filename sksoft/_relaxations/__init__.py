# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How operators are softened: one relaxation a file, its kernel beside it."""
