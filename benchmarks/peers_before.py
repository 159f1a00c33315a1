# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The time of sksoft over that of an older build of it: ratios for peers.py.

Two interpreters, of which each has imported one build, are given the same case and take
turns: a sort that became faster or slower with NumPy's is the same for both.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__)


class Build:
    """An interpreter that has imported the build in a folder and times its calls."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE)],
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.imported = json.loads(self.process.stdout.readline())

    def answer_to(self, question):
        """Send a question; wait for the answer."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the interpreter."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def over_before(folder, cases, n_pairs=15):
    """Yield, for each case, the median ratio of the time now to the time before.

    A case has the operator's name, the shape and the keyword arguments.
    """
    builds = [Build(HERE.parents[1]), Build(folder)]
    try:
        for path, build in zip((HERE.parents[1], folder), builds, strict=True):
            if Path(path).resolve() not in Path(build.imported).resolve().parents:
                raise ImportError(f"{path} has no sksoft: found {build.imported}")
        for case in cases:
            pairs = [[b.answer_to(case) for b in builds] for _ in range(n_pairs)]
            yield statistics.median(now / before for now, before in pairs)
    finally:
        for build in builds:
            build.close()


def serve():
    """Answer questions: the time of a call with its gradient, many at a time."""
    import numpy as np

    import sksoft

    sksoft.set_num_threads(1)
    print(json.dumps(sksoft.__file__), flush=True)
    known = None
    for line in sys.stdin:
        case = json.loads(line)
        if case != known:
            known, (name, shape, params) = case, case
            x, g = (np.random.default_rng(seed).normal(size=shape) for seed in (0, 1))
            operator = getattr(sksoft, name)

            def run(operator=operator, x=x, g=g, params=params):
                sksoft.vjp(operator, x, **params)[1](g)

            run()
            start = time.process_time()
            run()
            number = max(1, int(0.01 / max(time.process_time() - start, 1e-6)))
        start = time.process_time()
        for _ in range(number):
            run()
        print(json.dumps((time.process_time() - start) / number), flush=True)


if __name__ == "__main__":
    serve()
