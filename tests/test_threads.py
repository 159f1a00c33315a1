# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Threads change no bit of a result, survive forks and serve several callers."""

import itertools
import multiprocessing
import os
import re
import subprocess
import sys
import threading

import fuzzing
import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sksoft
from sksoft import _threads, jvp, soft_rank, soft_sort, strength_bounds, vjp
from sksoft._threads import CHUNK_SIZE, THREADING_SIZE, map_chunks, row_chunks
from sksoft.operators import _call

pytestmark = pytest.mark.usefixtures("restore_threads")

OPERATORS = [
    (soft_rank, "l2"),
    (soft_rank, "entropic"),
    (soft_rank, "kl"),
    (soft_sort, "l2"),
    (soft_sort, "entropic"),
]
SHAPES = [(3, THREADING_SIZE), (700, 100), (40_000, 3), (2, 3, 20_000)]


def everything(operator, x, g, **params):
    value, pullback = vjp(operator, x, wrt=("x", "regularization_strength"), **params)
    by_x, by_strength = pullback(g)
    params.pop("regularization_strength")
    bounds = ()
    if x.shape[-1] < 1000:
        bounds = strength_bounds(operator, x, **params)
    moved = jvp(operator, x, g, regularization_strength=0.05, **params)[1]
    return [value, by_x, by_strength, moved, *bounds]


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_results_do_not_depend_on_threads(operator, regularization, shape, rng):
    x, g = rng.normal(size=(2, *shape))
    strengths = 10.0 ** rng.uniform(-4, 1, shape[:-1])
    params = {"regularization": regularization, "regularization_strength": strengths}
    sksoft.set_num_threads(1)
    serial = everything(operator, x, g, **params)
    assert_array_equal(operator(x, **params), serial[0])
    for n_threads in (2, 3):
        sksoft.set_num_threads(n_threads)
        for actual, expected in zip(
            everything(operator, x, g, **params), serial, strict=True
        ):
            assert_array_equal(actual, expected)
    # A row by itself, and the batch in another layout.
    row = (0,) * (len(shape) - 1)
    alone = operator(
        x[row], regularization=regularization, regularization_strength=strengths[row]
    )
    assert_array_equal(alone, serial[0][row])
    turned = np.asfortranarray(np.moveaxis(x, -1, 0))
    assert_array_equal(
        np.moveaxis(operator(turned, axis=0, **params), 0, -1), serial[0]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
def test_threads_that_share_a_row(
    operator, regularization, descending, dtype, rng, monkeypatch
):
    """A row has the same bits in pieces as at once and as among others."""
    x, g = rng.normal(size=(2, 5000)).astype(dtype)
    x[:500] = np.round(x[:500], 1)
    params = {"regularization": regularization, "descending": descending}
    _, high = strength_bounds(operator, x, **params)
    for strength in (0.0, *np.geomspace(1e-7, 2.0 * high, 6)):
        params["regularization_strength"] = float(strength)
        results = []
        for n_threads, size in ((1, _threads.SHARED_ROW_SIZE), (2, 1000), (3, 1000)):
            monkeypatch.setattr(_threads, "SHARED_ROW_SIZE", size)
            sksoft.set_num_threads(n_threads)
            results.append(everything(operator, x, g, **params))
            assert_array_equal(operator(x, **params), results[-1][0])
        monkeypatch.undo()
        many = everything(operator, np.stack([x, -x]), np.stack([g, g]), **params)
        for alone, *pieces, row in zip(*results, many, strict=True):
            for each in pieces:
                assert_array_equal(each, alone)
            if np.ndim(row):
                assert_array_equal(row[0], alone)


@pytest.mark.parametrize("name", ["weights", "targets"])
@pytest.mark.parametrize("regularization", ["l2", "entropic", "kl"])
def test_vectors_do_not_depend_on_threads(name, regularization, rng):
    x, vector, g = rng.uniform(0.5, 2.0, (3, 500, 100))
    params = {name: vector, "regularization": regularization}
    wrt = ("x", "regularization_strength") + (name,) * (name == "targets")
    results = []
    for n_threads in (1, 3):
        sksoft.set_num_threads(n_threads)
        value, pullback = vjp(
            soft_rank, x, wrt=wrt, regularization_strength=0.02, **params
        )
        results.append([value, *pullback(g)])
    for actual, expected in zip(*results, strict=True):
        assert_array_equal(actual, expected)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_chunks_cover_all_rows(n_threads):
    sksoft.set_num_threads(n_threads)
    for n_rows, n in [(2, THREADING_SIZE), (7, CHUNK_SIZE), (10**6, 1), (3, 10**9)]:
        chunks = row_chunks(n_rows, n)
        stops = [0, *(chunk.stop for chunk in chunks)]
        assert [chunk.start for chunk in chunks] == stops[:-1]
        assert stops[-1] == n_rows
        assert all(chunk.start < chunk.stop for chunk in chunks)
    assert row_chunks(100, 10) == [slice(None)]
    assert row_chunks(1, 10**9) == [slice(None)]
    assert row_chunks(0, 10) == [slice(None)]


def test_number_of_threads():
    sksoft.set_num_threads(3)
    assert sksoft.get_num_threads() == 3
    sksoft.set_num_threads(np.int64(2))
    assert sksoft.get_num_threads() == 2
    sksoft.set_num_threads(None)
    assert sksoft.get_num_threads() >= 1


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
        (True, TypeError),
        (np.bool_(True), TypeError),
    ],
)
def test_rejects_bad_numbers_of_threads(bad, error):
    message = f"n_threads must be an integer >= 1, got {re.escape(repr(bad))}"
    with pytest.raises(error, match=message):
        sksoft.set_num_threads(bad)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SKSOFT_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"SKSOFT_NUM_THREADS": "4", "OMP_NUM_THREADS": "1,2"}, 1),
        ({"SKSOFT_NUM_THREADS": "", "OMP_NUM_THREADS": "nonsense"}, None),
        ({"SKSOFT_NUM_THREADS": "0"}, None),
        ({"SKSOFT_NUM_THREADS": "100000"}, None),
    ],
)
def test_environment(environment, expected, monkeypatch):
    for name in ("SKSOFT_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sksoft.set_num_threads(None)
    assert sksoft.get_num_threads() == (expected or joblib.cpu_count())


@pytest.mark.parametrize("name", ["SKSOFT_NUM_THREADS", "OMP_NUM_THREADS"])
def test_environment_of_a_process(name):
    printed = subprocess.run(
        [sys.executable, "-P", "-c", "import sksoft; print(sksoft.get_num_threads())"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "SKSOFT_NUM_THREADS": "9", name: "1"},
    ).stdout
    assert printed.strip() == "1"


def rank_in_child(x, connection):
    connection.send(soft_rank(x, regularization_strength=0.01))
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings(
    # Python warns that forking a process with threads is risky: the point of the test.
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
def test_a_forked_child_has_its_own_pool(rng):
    sksoft.set_num_threads(2)
    x = rng.normal(size=(100, 1000))
    expected = soft_rank(x, regularization_strength=0.01)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=rank_in_child, args=(x, theirs), daemon=True)
    child.start()
    try:
        assert ours.poll(30), "the child hangs"
        assert_array_equal(ours.recv(), expected)
        child.join(30)
        assert child.exitcode == 0
    finally:
        if child.is_alive():
            child.kill()
        child.join()
        ours.close()
        theirs.close()
    assert_array_equal(soft_rank(x, regularization_strength=0.01), expected)


@pytest.fixture
def hasty_interpreter():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_while(work, disturb, n_workers=4):
    """Let workers repeat some work until the disturbance is over; raise what fails."""
    failures, stop = [], threading.Event()

    def repeat(worker):
        try:
            while not stop.is_set():
                work(worker)
        except BaseException as error:
            failures.append(error)
            stop.set()

    workers = [
        threading.Thread(target=repeat, args=(i,), daemon=True)
        for i in range(n_workers)
    ]
    for worker in workers:
        worker.start()
    disturb(stop)
    stop.set()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    assert not failures, failures


def change_threads(n_times):
    def disturb(stop):
        for i in range(n_times):
            sksoft.set_num_threads([1, 2, 3, None][i % 4])
            if stop.wait(0.002):
                break

    return disturb


def test_the_caller_works_on_chunks_too():
    """It is one of the threads, and does all by itself while the others are busy."""
    sksoft.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=60)

    def meet(_):
        meeting.wait()
        return threading.current_thread()

    pooled, caller = map_chunks(meet, [0, 1])
    assert caller is threading.current_thread() is not pooled
    begun, release = threading.Event(), threading.Event()

    def occupy(chunk):
        if chunk == 0:
            begun.set()
            assert release.wait(60)

    other = threading.Thread(target=map_chunks, args=(occupy, [0, 1]))
    other.start()
    try:
        assert begun.wait(60)
        found = map_chunks(lambda chunk: (chunk, threading.current_thread()), range(5))
    finally:
        release.set()
        other.join(60)
    assert found == [(chunk, threading.current_thread()) for chunk in range(5)]


@pytest.mark.usefixtures("hasty_interpreter")
def test_the_number_of_threads_is_always_known():
    def work(_):
        assert sksoft.get_num_threads() >= 1
        assert sum(map_chunks(abs, [-1, -2, -3])) == 6

    def disturb(stop):
        for _ in range(3000):
            sksoft.set_num_threads(None)
            sksoft.set_num_threads(2)

    run_while(work, disturb)


def operator_calls():
    """Return a call of each operator with each of its methods."""
    calls, wanted = (
        [],
        {
            (name, *method.values())
            for name, methods in fuzzing.OPERATORS.items()
            for method in methods
        },
    )
    for seed in itertools.count():
        case = fuzzing.draw(seed)
        if case.is_loss or case.args["x"].ndim < 2 or not case.args["x"].size:
            continue
        keys = ("method", "regularization", "exact")
        key = (case.name, *(case.args[key] for key in keys if key in case.args))
        if key in wanted:
            wanted.remove(key)
            calls.append(case)
        if not wanted:
            return calls


@pytest.mark.usefixtures("hasty_interpreter")
def test_every_operator_from_several_threads(monkeypatch):
    # Any batch is cut into several chunks; all share arguments, caches and the pool.
    monkeypatch.setattr(_threads, "THREADING_SIZE", 1)
    monkeypatch.setattr(_call, "THREADING_SIZE", 1)
    monkeypatch.setattr(_threads, "CHUNK_SIZE", 16)
    cases = operator_calls()

    def results(case):
        args = dict(case.args)
        operator, x = getattr(sksoft, case.name), args.pop("x")
        value, pullback = vjp(operator, x, wrt=case.wrt, **args)
        return [value, *pullback(np.ones_like(value))]

    sksoft.set_num_threads(1)
    with np.errstate(all="ignore"):
        expected = [results(case) for case in cases]
    turns = itertools.count()

    def work(worker):
        place = (next(turns) * 7 + worker) % len(cases)
        for actual, wanted in zip(results(cases[place]), expected[place], strict=True):
            assert np.asarray(actual).tobytes() == np.asarray(wanted).tobytes(), (
                f"{cases[place].name} differs"
            )

    run_while(work, change_threads(500), n_workers=6)
    assert next(turns) > len(cases)


def test_several_callers_while_the_number_of_threads_changes(rng):
    x = rng.normal(size=(80, 500))
    expected = soft_rank(x, regularization_strength=0.01)

    def work(_):
        assert_array_equal(soft_rank(x, regularization_strength=0.01), expected)

    run_while(work, change_threads(300))
