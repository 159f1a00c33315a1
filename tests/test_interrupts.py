# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Long calls answer an interrupt, and calls at the end of a program still work."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sksoft
from sksoft import _threads
from sksoft._threads import Abandoned, interruptible, map_chunks, pieces

pytestmark = pytest.mark.usefixtures("restore_threads")

# Each would run for more than a minute.
LONG_CALLS = [
    "sksoft.rank_distribution(rng.normal(size=1500), 1.0)",
    "sksoft.rank_distribution(rng.normal(size=(3, 1500)), 1.0)",
    "sksoft.vjp(sksoft.rank_distribution, rng.normal(size=2500), 9.0, exact=False)"
    "[1](np.ones((2500, 2500)))",
    "sksoft.soft_rank(rng.normal(size=300_000), method='logistic', **strong)",
    "sksoft.vjp(sksoft.soft_rank, rng.normal(size=300_000), method='gaussian', "
    "**strong)[1](np.ones(300_000))",
    "sksoft.soft_sort(rng.normal(size=200_000), method='softsort', **strong)",
    "sksoft.soft_sort(rng.normal(size=(2, 200_000)), method='neuralsort', **strong)",
    "sksoft.soft_ecdf(rng.normal(size=1_000_000), rng.normal(size=9999))",
    "sksoft.soft_rank(rng.normal(size=(1500, 900)), method='sinkhorn')",
]
# A shell starts background jobs deaf to the signal, and their children with them.
PROGRAM = """
import signal
import threading
import numpy as np
import sksoft
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
strong = {{"regularization_strength": 1e6}}
sksoft.set_num_threads({n_threads})
print("started", flush=True)
try:
    {call}
except KeyboardInterrupt:
    for thread in threading.enumerate():
        if thread.name == "sksoft-long":
            thread.join(20)
            assert not thread.is_alive(), "the work goes on"
    print("interrupted", flush=True)
"""


def started(program):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C")
@pytest.mark.parametrize("call", LONG_CALLS)
def test_an_interrupt_ends_a_long_call(call):
    n_threads = 1 + call.count("size=(")
    with started(PROGRAM.format(call=call, n_threads=n_threads)) as process:
        try:
            assert process.stdout.readline() == "started\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[0] == "interrupted\n"
        finally:
            process.kill()


def test_nobody_waits_for_abandoned_work():
    # The thread that waits is interrupted; its work ends at the next piece.
    begun, go_on, ended = (threading.Event() for _ in range(3))

    def work(*_):
        try:
            for _start, _stop in pieces(10**6, 10**9):
                begun.set()
                assert go_on.wait(30)
        except Abandoned:
            ended.set()
            raise

    def interrupted_wait(future, timeout=None):
        if threading.current_thread() is threading.main_thread():
            assert begun.wait(30)
            raise KeyboardInterrupt
        return original(future, timeout)

    original = _threads.Future.result
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_threads.Future, "result", interrupted_wait)
        with pytest.raises(KeyboardInterrupt):
            interruptible(10**9, work)
    go_on.set()
    assert ended.wait(30)


def test_long_work_returns_and_raises_as_any_other():
    assert interruptible(10**9, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        interruptible(10**9, divmod, 7, 0)
    names = {interruptible(n, threading.current_thread).name for n in (1, 10**9)}
    assert names == {"MainThread", "sksoft-long"}
    # Pieces cover a loop, whatever its passes take.
    for n, size in [(0, 5), (1, 10**12), (10, 10**8), (100, 1), (7, 0)]:
        covered = [i for start, stop in pieces(n, size) for i in range(start, stop)]
        assert covered == list(range(n))


def test_pieces_change_no_result(monkeypatch):
    rng = np.random.default_rng(3)
    x, g = rng.normal(size=(2, 3, 40))
    calls = [
        (operator, {"method": method})
        for operator, methods in [
            (sksoft.soft_rank, ("logistic", "gaussian")),
            (sksoft.soft_sort, ("neuralsort", "softsort")),
            (sksoft.soft_permutation, ("neuralsort", "softsort")),
        ]
        for method in methods
    ] + [
        (sksoft.rank_distribution, {"sigma": 0.5, "exact": exact})
        for exact in (True, False)
    ]

    def everything():
        results = []
        for operator, params in calls:
            value, pullback = sksoft.vjp(operator, x, **params)
            cotangent = np.cos(np.arange(value.size)).reshape(value.shape)
            moved = sksoft.jvp(operator, x, g, **params)[1]
            results += [value, pullback(cotangent), moved]
        return results

    whole = everything()
    monkeypatch.setattr(_threads, "PIECE_SIZE", 30_000)
    for actual, expected in zip(everything(), whole, strict=True):
        assert_allclose(actual, expected, rtol=1e-13, atol=1e-15)


def test_a_pool_that_refuses_means_serial_work(monkeypatch):
    pool = ThreadPoolExecutor(2)
    pool.shutdown()
    sksoft.set_num_threads(2)
    threads = dataclasses.replace(_threads._threads, pool=pool)
    monkeypatch.setattr(_threads, "_threads", threads)
    assert map_chunks(lambda i, j: i + j, [1, 2, 3], [10, 20, 30]) == [11, 22, 33]
    with pytest.raises(RuntimeError, match="of the function"):
        map_chunks(fail, [1, 2])


def fail(_):
    raise RuntimeError("of the function")


AT_THE_END = """
import atexit, threading, time
import numpy as np
import sksoft

sksoft.set_num_threads(2)
x = np.random.default_rng(0).normal(size=(400, 100))
g = np.ones((400, 100))
long = np.random.default_rng(0).normal(size=6000)

def work(name):
    value, pullback = sksoft.vjp(sksoft.soft_rank, x, regularization_strength=0.1)
    assert pullback(g).shape == value.shape
    sksoft.soft_rank(long, method="logistic")
    print(name, flush=True)

def later():
    threading.main_thread().join()
    work("thread")

atexit.register(work, "exit")
if {used}:
    work("main")
threading.Thread(target=later).start()
"""


@pytest.mark.parametrize("used", [False, True])
def test_batches_work_while_the_interpreter_ends(used):
    # The pool takes no work once the main thread has ended.
    process = subprocess.run(
        [sys.executable, "-P", "-c", AT_THE_END.format(used=used)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.stderr == ""
    assert process.stdout.split() == ["main"] * used + ["thread", "exit"]
