# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fit data that are larger than the memory that the fits may take.

Writes a memory map of 50 000 000 x 8 rows (3.2 GB) and targets, a fifth of them wrong,
to a directory that is deleted at the end, and prints what the fits find, how long they
take and what memory is their own:

- memory: least trimmed squares and the transformers on the memory map, each in a fresh
  process. "own" is the largest ``RssAnon``, the memory of the process itself; ``VmHWM``
  counts the pages of the map as well, which the system takes back when it needs them.
- cluster: the same on a Dask cluster of two processes of 2 GB each on this machine, one
  of which is killed on the way ("killed at", in seconds); the largest relative
  difference to what the fit on the memory map found, which is rounding for least
  trimmed squares, and for the transformers below the error that their summaries allow.
- search: a grid search by joblib's Dask backend against the same search without.

Run ``OMP_NUM_THREADS=1 python benchmarks/scale.py [--rows 50000000] [--directory DIR]
[memory] [cluster] [search]``; all by default, in some half an hour on two cores.
"""

import argparse
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.preprocessing import SoftQuantileTransformer, SoftRankTransformer

N_FEATURES = 8
# Rows that are written, and that a chunk of the cluster holds.
CHUNK_ROWS = 1_000_000
COEF = np.arange(1.0, N_FEATURES + 1)
MODELS = {
    "least trimmed squares": LeastTrimmedSquaresRegressor(random_state=0),
    "soft ranks": SoftRankTransformer(),
    "soft quantiles": SoftQuantileTransformer(),
}
# The worker is killed after this share of the time that the memory map took.
KILLED_AFTER = 0.4


def write_rows(directory, n_rows):
    """Write features and targets, chunk by chunk."""
    start = time.perf_counter()
    X = np.lib.format.open_memmap(
        directory / "X.npy", "w+", np.float64, (n_rows, N_FEATURES)
    )
    y = np.lib.format.open_memmap(directory / "y.npy", "w+", np.float64, (n_rows,))
    for chunk, first in enumerate(range(0, n_rows, CHUNK_ROWS)):
        rng = np.random.default_rng(chunk)
        rows = X[first : first + CHUNK_ROWS]
        rows[:] = rng.standard_normal(rows.shape)
        target = rows @ COEF + 1 + rng.standard_normal(len(rows))
        target[rng.random(len(rows)) < 0.2] += 50
        y[first : first + CHUNK_ROWS] = target
    X.flush()
    size = X.nbytes + y.nbytes
    print(
        f"{n_rows} x {N_FEATURES} rows, {size / 1e9:.2f} GB, written in "
        f"{time.perf_counter() - start:.0f} s"
    )


def memory_of(status="/proc/self/status"):
    """Return the fields of a process's memory, in MB."""
    lines = Path(status).read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if line.endswith("kB"))
    return {
        name: int(fields[name].split()[0]) / 1e3
        for name in ("VmHWM", "RssAnon", "RssFile")
    }


class PeakMemory:
    """Ask again and again how much memory a process has of its own."""

    def __init__(self):
        self.start = memory_of()["RssAnon"]
        self.peak = self.start
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.02):
            self.peak = max(self.peak, memory_of()["RssAnon"])


def found_by(model):
    """Return what a fit found, to be compared."""
    if hasattr(model, "coef_"):
        return np.concatenate(
            [
                model.coef_,
                [model.intercept_, model.scale_, model.outlier_threshold_],
                model.standard_errors_,
            ]
        )
    rows = np.random.default_rng(1).standard_normal((1000, N_FEATURES))
    return np.asarray(model.transform(rows)).ravel()


def size_of(model):
    """Return the size of a pickled model without its entries for rows, in kB."""
    for name in ("sample_weights_", "outlier_mask_"):
        if hasattr(model, name):
            setattr(model, name, None)
    return len(pickle.dumps(model)) / 1e3


def fit_map(name, directory):
    """Fit a memory map in this process; print the results as JSON."""
    X = np.load(directory / "X.npy", mmap_mode="r")
    y = np.load(directory / "y.npy", mmap_mode="r")
    model, before = MODELS[name], time.perf_counter()
    with PeakMemory() as memory:
        model.fit(X, y)
    seconds = time.perf_counter() - before
    found = found_by(model).tolist()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor": time.process_time(),
                "start": memory.start,
                "peak": memory.peak,
                "VmHWM": memory_of()["VmHWM"],
                "found": found,
                "size": size_of(model),
            }
        )
    )


def fit_maps(directory):
    """Fit each model on the memory map, in a fresh process; return the results."""
    results = {}
    print(
        f"\nMemory map\n{'':24}{'seconds':>9}{'own MB':>9}{'before':>9}{'VmHWM':>9}"
        f"{'model kB':>10}"
    )
    for name in MODELS:
        command = [sys.executable, __file__, "--fit", name, "--directory", directory]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        result = results[name] = json.loads(done.stdout)
        print(
            f"{name:24}{result['seconds']:9.1f}{result['peak']:9.0f}"
            f"{result['start']:9.0f}{result['VmHWM']:9.0f}{result['size']:10.1f}",
            flush=True,
        )
    return results


def rows_on_disk(path, block_info=None):
    """Return the rows of a chunk of a map, which are read when they are used."""
    bounds = block_info[None]["array-location"][0]
    return np.load(path, mmap_mode="r")[slice(*bounds)]


def lazy_map(path):
    """Return a memory map as a Dask array that workers open themselves."""
    import dask.array as da

    shape = np.load(path, mmap_mode="r").shape
    n_rows = shape[0]
    chunks = [CHUNK_ROWS] * (n_rows // CHUNK_ROWS)
    if n_rows % CHUNK_ROWS:
        chunks.append(n_rows % CHUNK_ROWS)
    return da.map_blocks(
        rows_on_disk,
        str(path),
        chunks=(tuple(chunks), *((size,) for size in shape[1:])),
        dtype=np.float64,
        meta=np.empty((0,) * len(shape)),
    )


def kill_worker(client, seconds, killed):
    """Kill one of the processes of a cluster after some seconds, and say which."""
    time.sleep(seconds)
    victim = min(client.run(os.getpid).values())
    os.kill(victim, signal.SIGKILL)
    killed.append(victim)


def fit_cluster(directory, results):
    """Fit each model on a cluster that loses a worker; compare with the memory map."""
    from distributed import Client, LocalCluster

    print(
        f"\nCluster of two workers of 2 GB\n{'':24}{'seconds':>9}{'killed at':>11}"
        f"{'own MB at the end':>19}{'difference':>12}"
    )
    for name, model in MODELS.items():
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                memory_limit="2GB",
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):
            result, killed = results.get(name), []
            expected_seconds = 30.0 if result is None else result["seconds"]
            at = KILLED_AFTER * expected_seconds
            killer = threading.Thread(target=kill_worker, args=(client, at, killed))
            start = time.perf_counter()
            killer.start()
            model.fit(lazy_map(directory / "X.npy"), lazy_map(directory / "y.npy"))
            seconds = time.perf_counter() - start
            on_the_way = bool(killed)
            killer.join()
            memory = client.run(memory_of)
            peaks = [f"{m['RssAnon']:.0f}" for m in memory.values()]
            found, difference = found_by(model), np.nan
            if result is not None:
                expected = np.array(result["found"])
                size = np.abs(expected)
                # Ranks and quantiles near 0 are as exact as the others, not more.
                size = size if hasattr(model, "coef_") else size.max()
                difference = np.max(np.abs(found - expected) / size)
            print(
                f"{name:24}{seconds:9.1f}{at if on_the_way else np.nan:11.1f}"
                f"{' '.join(peaks):>19}{difference:12.1e}",
                flush=True,
            )


def search_grid():
    """Search a grid on a cluster and without it."""
    import joblib
    from distributed import Client, LocalCluster
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, N_FEATURES))
    y = X @ COEF + rng.standard_normal(len(X))
    y[rng.random(len(X)) < 0.2] += 50
    search = GridSearchCV(
        LeastTrimmedSquaresRegressor(random_state=0),
        {
            "regularization_strength": [0.1, 1.0, 10.0],
            "trim_fraction": ["auto", 0.25],
        },
        scoring="neg_median_absolute_error",
    )
    start = time.perf_counter()
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    middle = time.perf_counter()
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        begin = time.perf_counter()
        together = search.fit(X, y).cv_results_["mean_test_score"]
        end = time.perf_counter()
    print(
        f"\nGrid search of 30 fits: {middle - start:.1f} s in one process, "
        f"{end - begin:.1f} s by joblib's Dask backend; scores differ by "
        f"{np.abs(alone - together).max():.1e}"
    )


def main():
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["memory", "cluster", "search"])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--fit", choices=MODELS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit_map(options.fit, options.directory)
        return
    if {"memory", "cluster"}.intersection(options.parts):
        directory = Path(tempfile.mkdtemp(prefix="scale-", dir=options.directory))
        try:
            write_rows(directory, options.rows)
            results = {}
            if "memory" in options.parts:
                results = fit_maps(directory)
            if "cluster" in options.parts:
                fit_cluster(directory, results)
        finally:
            shutil.rmtree(directory)
    if "search" in options.parts:
        search_grid()


if __name__ == "__main__":
    main()
