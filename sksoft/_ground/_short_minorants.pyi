# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

# Its function is called by kernels only.
