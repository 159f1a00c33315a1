# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Run examples without a screen and save their figures under examples/output/.

Usage: python tools/run_examples.py examples/plot_one.py examples/plot_two.py
"""

import os
import runpy
import sys
import time
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"

import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "examples" / "output"


def run(path):
    """Run one example and save every figure that it leaves open."""
    print(f"== {path.relative_to(ROOT)}", flush=True)
    start = time.perf_counter()
    runpy.run_path(str(path), run_name="__main__")
    numbers = plt.get_fignums()
    for number in numbers:
        suffix = f"_{number}" if len(numbers) > 1 else ""
        picture = OUTPUT / f"{path.stem}{suffix}.png"
        plt.figure(number).savefig(picture, dpi=120, bbox_inches="tight")
        print(f"picture: {picture.relative_to(ROOT)}")
    plt.close("all")
    print(f"({time.perf_counter() - start:.1f} s)\n", flush=True)


def main(names):
    """Run the named examples, paths from anywhere."""
    if not names:
        sys.exit("No examples were named.")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    # There is no screen to show figures on: they stay open until they are saved.
    plt.show = lambda *args, **kwargs: None
    for name in names:
        run(Path(name).resolve())


if __name__ == "__main__":
    main(sys.argv[1:])
