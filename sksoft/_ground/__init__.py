# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Kernels that several modules stand on, and what kernels share inline."""
