# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""RankObjective: its formulas, weights and queries, without a boosting library."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft import soft_rank
from sksoft.boosting import RankObjective
from sksoft.losses import fenchel_young_rank_loss
from sksoft.metrics import ndcg_score

SIZES = np.array([5, 1, 8, 3, 4, 12])
QUERY = np.repeat(np.arange(len(SIZES)), SIZES)
ROWS = np.split(np.arange(SIZES.sum()), np.cumsum(SIZES)[:-1])
ALL = ("pairwise", "ndcg", "spearman", "listnet")
everyone = pytest.mark.parametrize("objective", ALL)


@pytest.fixture
def data(rng):
    y = rng.integers(0, 4, size=len(QUERY)).astype(float)
    y[ROWS[3]] = 1.0  # Nothing to tell apart.
    return y, rng.normal(size=len(QUERY))


def pair_weights(y, s, ranked, gain=np.exp2):
    """The weight of each pair of one query, by definition."""
    gains = gain(y)
    weights = np.maximum(gains[:, None] - gains, 0.0)
    if ranked:
        unit = max(1.0, 3.0 * s.std())
        ranks = soft_rank(
            s, descending=True, method="logistic", regularization_strength=unit
        )
        slopes = 1.0 / (np.log(2.0) * (1.0 + ranks) * np.log2(1.0 + ranks) ** 2)
        weights *= 0.5 * (slopes[:, None] + slopes)
    return weights


def by_definition(y, s, ranked, gain=np.exp2):
    """Gradient and curvature of one query, by definition."""
    m = len(y)
    weights = pair_weights(y, s, ranked, gain)
    share = 1.0 / (1.0 + np.exp(s[:, None] - s))
    force, bend = weights * share, weights * share * (1.0 - share)
    equal = pair_weights(y, np.zeros(m), ranked, gain)
    if not equal.any():
        return np.zeros(m), np.full(m, 1e-3)
    scale = m / (0.5 * equal.sum())
    gradient = scale * (force.sum(axis=0) - force.sum(axis=1))
    curvature = scale * (bend.sum(axis=0) + bend.sum(axis=1))
    return gradient, np.maximum(curvature, 1e-3)


@pytest.mark.parametrize("objective", ["pairwise", "ndcg"])
@pytest.mark.parametrize("gain", ["exp2", "linear"])
@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 2000.0])
def test_pairs(objective, gain, spread, data):
    y, s = data[0], spread * data[1]
    ranked = objective == "ndcg"
    function = np.exp2 if gain == "exp2" else np.copy
    with np.errstate(over="ignore"):
        expected = [by_definition(y[r], s[r], ranked, function) for r in ROWS]
    found = RankObjective(objective, gain=gain)(y, s, None, SIZES)
    for part, values in zip(found, zip(*expected, strict=True), strict=True):
        values = np.concatenate(values)
        assert_allclose(part, values, rtol=1e-11, atol=1e-13 * np.abs(values).max())


def test_pairwise_is_a_gradient(data, central_difference):
    y, s = data
    rows = ROWS[2]
    y, s = y[rows], s[rows]
    weights = pair_weights(y, s, False)
    scale = len(y) / (0.5 * weights.sum())

    def loss(s):
        return scale * (weights * np.log1p(np.exp(s - s[:, None]))).sum()

    gradient, curvature = RankObjective()(y, s, group=[len(y)])
    assert_allclose(gradient, central_difference(loss, s), rtol=1e-7, atol=1e-8)
    second = central_difference(lambda s: RankObjective()(y, s, group=[len(y)])[0], s)
    assert_allclose(curvature, np.diag(second), rtol=1e-7, atol=1e-8)


def test_spearman(data):
    y, s = data
    gradient, curvature = RankObjective("spearman")(y, s, None, SIZES)
    for rows in ROWS:
        m, varies = len(rows), np.ptp(y[rows]) > 0.0
        if not varies:
            assert_array_equal(gradient[rows], 0.0)
            continue
        unit = np.sqrt(12.0) / m
        _, slope = fenchel_young_rank_loss(
            s[rows] / unit, y[rows], regularization_strength=1.0
        )
        assert_allclose(gradient[rows], unit * slope, rtol=1e-11, atol=1e-13)
        assert_array_equal(curvature[rows], 1.0)
        # The curvature bounds the true one.
        jacobian = np.stack(
            [
                (
                    soft_rank(s[rows] + move, regularization_strength=unit)
                    - soft_rank(s[rows] - move, regularization_strength=unit)
                )
                * unit
                / 2e-6
                for move in 1e-6 * np.eye(m)
            ]
        )
        assert np.linalg.eigvalsh(jacobian + jacobian.T).max() < 2.0 + 1e-6


def test_spearman_takes_any_target(data):
    y, s = data
    objective = RankObjective("spearman")
    expected = objective(y, s, None, SIZES)
    found = objective(-7.0 + 0.1 * y**3, s, None, SIZES)
    assert_array_equal(expected[0], found[0])


def test_listnet(data):
    y, s = data
    objective = RankObjective("listnet")
    gradient, _ = objective(y, s, None, SIZES)
    for rows in ROWS:
        assert_allclose(gradient[rows].sum(), 0.0, atol=1e-12)
    again, _ = objective(y, s, None, SIZES)
    assert_array_equal(gradient, again)
    other, _ = objective(y, s + 1e-9, None, SIZES)
    assert np.abs(other - gradient).max() > 0.01
    # The draws have the mean 1/2.
    draws = [objective(y, s + 1e-9 * i, None, SIZES)[0] for i in range(400)]
    rows, m = ROWS[5], 12
    found = np.exp(s[rows]) / np.exp(s[rows]).sum()
    target = found - np.mean(draws, axis=0)[rows] / (m / (1.0 - 1.0 / m))
    shares = np.exp2(y[rows]) - 0.5
    assert_allclose(target, shares / shares.sum(), atol=0.01)


@everyone
def test_curvature_counts_rows(objective, data):
    y, _ = data
    _, curvature = RankObjective(objective)(y, np.full(len(y), 0.3), None, SIZES)
    for rows in ROWS:
        mean = 1.0 if len(rows) > 1 and np.ptp(y[rows]) > 0.0 else 1e-3
        assert_allclose(curvature[rows].mean(), mean, rtol=1e-12)


@everyone
def test_queries_do_not_depend_on_each_other(objective, data):
    y, s = data
    if objective == "listnet":
        return  # Its draws are those of all scores.
    whole = RankObjective(objective)(y, s, None, SIZES)
    for rows in ROWS:
        alone = RankObjective(objective)(y[rows], s[rows], None, [len(rows)])
        for a, b in zip(whole, alone, strict=True):
            assert_allclose(a[rows], b, rtol=1e-12, atol=1e-14)


@everyone
def test_weights_are_repetitions(objective, data):
    y, s = data
    plain = RankObjective(objective)(y, s, None, SIZES)
    weight = np.array([1.0, 2.0, 3.0, 0.0, 0.5, 1.0])
    of_queries = RankObjective(objective)(y, s, weight, SIZES)
    of_rows = RankObjective(objective)(y, s, weight[QUERY], SIZES)
    for a, b, c in zip(plain, of_queries, of_rows, strict=True):
        assert_array_equal(b, c)
        assert_array_equal(b, a * weight[QUERY])


@everyone
def test_groups_in_any_order(objective, data, rng):
    y, s = data
    order = rng.permutation(len(y))
    names = np.array([f"query {q}" for q in QUERY])
    by_size = RankObjective(objective)(y, s, None, SIZES)
    bound = RankObjective(objective, groups=names[order].tolist())
    found = bound(y[order], s[order])
    if objective == "listnet":
        return  # Other draws.
    for a, b in zip(by_size, found, strict=True):
        assert_allclose(a[order], b, rtol=1e-12, atol=1e-14)


@everyone
def test_constant_shifts_of_queries_do_not_matter(objective, data):
    y, s = data
    if objective == "listnet":
        return  # Other draws.
    shift = np.array([0.0, 5.0, -3.0, 100.0, 1e3, 0.5])[QUERY]
    first = RankObjective(objective)(y, s, None, SIZES)
    second = RankObjective(objective)(y, s + shift, None, SIZES)
    for a, b in zip(first, second, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_pieces_of_much_work(rng, restore_threads):
    sizes = np.array([2000, 3, 1500, 0, 40, 1800])
    y = rng.integers(0, 5, size=sizes.sum()).astype(float)
    s = rng.normal(size=len(y))
    found = []
    for n_threads in (1, 2):
        sksoft.set_num_threads(n_threads)
        found.append(RankObjective("ndcg")(y, s, None, sizes))
    for a, b in zip(*found, strict=True):
        assert_array_equal(a, b)
    alone = RankObjective("ndcg")(y[2000:2003], s[2000:2003], None, [3])
    assert_allclose(found[0][0][2000:2003], alone[0], rtol=1e-12)


def test_memory(data):
    y, s = data
    objective = RankObjective()
    expected = objective(y, s, None, SIZES)
    for i in range(10):
        objective(y + i, s, None, SIZES)
    assert len(objective._memory) <= 8
    # Found by content, not by identity.
    y = y.copy()
    found = objective(y, s, None, SIZES)
    assert_array_equal(found[0], expected[0])
    y[0] += 1.0
    changed = objective(y, s, None, SIZES)
    assert np.abs(changed[0] - expected[0]).max() > 0.0
    for other in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert not other._memory
        assert_array_equal(other(y, s, None, SIZES)[0], changed[0])
        assert repr(other) == "RankObjective('pairwise', gain='exp2')"


def test_metrics(data):
    y, s = data
    objective = RankObjective()
    name, value, more = objective.metric("ndcg", k=3)(y, s, None, SIZES)
    assert (name, more) == ("ndcg@3", True)
    assert value == ndcg_score(y, s, qid=QUERY, k=3, gain="exp2")
    weight = np.array([1.0, 2.0, 3.0, 0.0, 0.5, 1.0])
    _, value, _ = objective.metric()(y, s, weight, SIZES)
    assert value == ndcg_score(
        y, s, qid=QUERY, sample_weight=weight[QUERY], gain="exp2"
    )
    name, value, more = objective.metric("spearman")(y, s, weight, SIZES)
    assert (name, more) == ("1-spearman", False)
    kept = [q for q, rows in enumerate(ROWS) if np.ptp(y[rows]) > 0.0]
    coefficients = []
    for q in kept:
        a, b = (soft_rank(v[ROWS[q]], regularization_strength=0.0) for v in (y, s))
        coefficients.append(np.corrcoef(a, b)[0, 1])
    expected = np.average(coefficients, weights=weight[kept])
    assert_allclose(value, 1.0 - expected, rtol=1e-12)
    bound = RankObjective(groups=QUERY)
    assert bound.metric("ndcg", k=3)(y, s) == ndcg_score(
        y, s, qid=QUERY, k=3, gain="exp2"
    )
    assert bound.metric("ndcg", k=3).__name__ == "ndcg@3"


def test_wrong_input(data):
    y, s = data
    objective = RankObjective()
    with pytest.raises(ValueError, match=r"^group must be given.*LGBMRanker.*xgboost"):
        objective(y, s)
    with pytest.raises(ValueError, match=r"^group must be given"):
        objective.metric()(y, s, None, None)
    with pytest.raises(ValueError, match=r"^group must sum to the number of rows, 33,"):
        objective(y, s, None, [5, 6])
    with pytest.raises(ValueError, match=r"not the query of each row"):
        objective(y, s, None, QUERY)
    # The query of each row, of the sum that sizes would have.
    for group in (np.repeat([0, 1, 2], 11), np.repeat([0, 3], [22, 11]), np.ones(33)):
        with pytest.raises(
            ValueError, match=r"^group must .*as many entries as rows, 33"
        ):
            objective(y, s, None, group.astype(int))
    objective(y[:1], s[:1], None, [1])
    with pytest.raises(TypeError, match=r"^group must hold integers"):
        objective(y, s, None, SIZES / 1.0)
    with pytest.raises(ValueError, match=r"^group must hold numbers of rows"):
        objective(y, s, None, [40, -7])
    bound = RankObjective(groups=QUERY[:-1])
    with pytest.raises(ValueError, match=r"^groups must have the length of y_true, 33"):
        bound(y, s)
    with pytest.raises(ValueError, match=r"^groups must not be missing"):
        RankObjective(groups=[1, None])
    with pytest.raises(ValueError, match=r"^y_true must be >= 0 everywhere, got -1"):
        objective(y - 1.0, s, None, SIZES)
    with pytest.raises(
        ValueError, match=r"^y_true must be at most 996 for gain='exp2', g"
    ):
        objective(1000.0 * y, s, None, SIZES)
    for name in ("ndcg", "listnet"):
        with pytest.raises(
            ValueError, match=r"^y_true must be >= 0 everywhere, got -1"
        ):
            RankObjective(name)(y - 1.0, s, None, SIZES)
    with pytest.raises(ValueError, match=r"^y_true must be >= 0 everywhere, got -1"):
        objective.metric("ndcg")(y - 1.0, s, None, SIZES)
    with pytest.raises(ValueError, match=r"^y_pred must hold finite numbers"):
        objective(y, np.where(s > 0, np.nan, s), None, SIZES)
    with pytest.raises(ValueError, match=r"^y_true must hold finite numbers"):
        RankObjective("spearman")(np.full(len(y), np.inf), s, None, SIZES)
    with pytest.raises(ValueError, match=r"^y_pred must have the length of y_true"):
        objective(y, s[:-1], None, SIZES)
    with pytest.raises(ValueError, match=r"^y_pred must have one dimension"):
        objective(y, np.ones((len(y), 2)), None, SIZES)
    with pytest.raises(ValueError, match=r"^sample_weight must have shape \(33,\) or"):
        objective(y, s, np.ones(7), SIZES)
    with pytest.raises(ValueError, match=r"^sample_weight must be >= 0"):
        objective(y, s, -np.ones(6), SIZES)
    for function in (objective, objective.metric("ndcg"), objective.metric("spearman")):
        with pytest.raises(
            ValueError, match=r"^sample_weight must have a non-zero sum"
        ):
            function(y, s, np.zeros(6), SIZES)
    with pytest.raises(ValueError, match=r"^sample_weight must be equal within a quer"):
        objective(y, s, np.arange(33.0), SIZES)
    with pytest.raises(ValueError, match=r"^objective must be"):
        RankObjective("auc")
    with pytest.raises(ValueError, match=r"^gain must be"):
        RankObjective(gain="exp")
    with pytest.raises(ValueError, match=r"^name must be"):
        objective.metric("auc")
    with pytest.raises(ValueError, match=r"^k must be None for the metric"):
        objective.metric("spearman", k=3)
    with pytest.raises(ValueError, match=r"^k must be at least 1"):
        objective.metric("ndcg", k=0)
