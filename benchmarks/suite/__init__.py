# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Our own speed over time, measured by airspeed velocity."""
