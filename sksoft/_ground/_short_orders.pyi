# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

# Its functions are called by kernels only.
