# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses: exact gradients, hard limits, groups, weights and errors."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import kendalltau, rankdata, spearmanr
from sklearn.metrics import ndcg_score

from sksoft import soft_rank, soft_topk
from sksoft.losses import (
    fenchel_young_rank_loss,
    listnet_loss,
    pairwise_logistic_loss,
    smooth_topk_svm_loss,
    soft_kendall_loss,
    soft_ndcg_loss,
    soft_spearman_loss,
    softrank_ndcg_loss,
    topk_cross_entropy_loss,
    topk_ranking_loss,
)

LIST_LOSSES = [
    (soft_spearman_loss, {"regularization_strength": 0.3}),
    (soft_spearman_loss, {"regularization": "kl", "regularization_strength": 0.3}),
    (soft_spearman_loss, {"method": "logistic", "regularization_strength": 0.3}),
    (fenchel_young_rank_loss, {"regularization_strength": 0.3}),
    (fenchel_young_rank_loss, {"regularization": "kl", "regularization_strength": 0.3}),
    (soft_kendall_loss, {"regularization_strength": 0.3}),
    (soft_ndcg_loss, {"regularization_strength": 0.3}),
    (soft_ndcg_loss, {"k": 2, "gain": "linear", "regularization_strength": 0.3}),
    (soft_ndcg_loss, {"method": "permutahedron", "regularization_strength": 0.3}),
    (
        soft_ndcg_loss,
        {"method": "permutahedron", "k": 3, "regularization_strength": 0.3},
    ),
    (soft_ndcg_loss, {"discount": lambda rank: (1.0 / rank, -1.0 / rank**2)}),
    (pairwise_logistic_loss, {"regularization_strength": 0.3}),
    (pairwise_logistic_loss, {"pair_weights": "ndcg", "k": 3, "gain": "linear"}),
    (softrank_ndcg_loss, {"sigma": 0.7}),
    (softrank_ndcg_loss, {"sigma": 0.7, "exact": True, "k": 2}),
    (listnet_loss, {}),
]
LABEL_LOSSES = [
    (topk_ranking_loss, {"k": 2}),
    (topk_ranking_loss, {"k": 1, "method": "logistic"}),
    (topk_ranking_loss, {"k": 1, "regularization": "kl"}),
    (topk_cross_entropy_loss, {"k": 2, "regularization_strength": 0.5}),
    (topk_cross_entropy_loss, {"k": 1}),
    (smooth_topk_svm_loss, {"k": 1}),
    (smooth_topk_svm_loss, {"k": 3, "regularization_strength": 0.4}),
]


def named(losses):
    return [
        pytest.param(loss, params, id=f"{loss.__name__}-{params}")
        for loss, params in losses
    ]


def central_differences(loss, scores, *args, step=1e-6, **params):
    gradient = np.empty(scores.shape)
    for index in np.ndindex(*scores.shape):
        shifted = [scores.copy(), scores.copy()]
        shifted[0][index] += step
        shifted[1][index] -= step
        values = [loss(x, *args, **params)[0] for x in shifted]
        gradient[index] = (values[0] - values[1]) / (2.0 * step)
    return gradient


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_gradients_of_list_losses(loss, params):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 6))
    target = rng.integers(0, 4, size=(4, 6)).astype(float)
    target[1, 2:4] = np.nan
    target[3] = 0.0
    params = {**params, "sample_weight": [1.0, 2.0, 0.5, 1.0]}
    value, gradient = loss(scores, target, **params)
    expected = central_differences(loss, scores, target, **params)
    assert isinstance(value, float)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=2e-9)
    assert (gradient[1, 2:4] == 0.0).all()


@pytest.mark.parametrize(("loss", "params"), named(LABEL_LOSSES))
def test_gradients_of_label_losses(loss, params):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 3, 5))
    labels = rng.integers(0, 5, size=(2, 3))
    params = {**params, "sample_weight": rng.uniform(size=(2, 3))}
    value, gradient = loss(scores, labels, **params)
    expected = central_differences(loss, scores, labels, **params)
    assert isinstance(value, float)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=2e-9)


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_groups_of_unequal_length_are_lists_of_their_own(loss, params):
    rng = np.random.default_rng(2)
    lengths = [2, 5, 3, 5, 4]
    lists = [
        (rng.normal(size=m), rng.integers(0, 3, size=m).astype(float)) for m in lengths
    ]
    weights = rng.uniform(1.0, 2.0, size=len(lists))
    alone = [loss(scores, target, **params) for scores, target in lists]
    expected = np.average([value for value, _ in alone], weights=weights)
    pieces = [
        weight / weights.sum() * gradient
        for weight, (_, gradient) in zip(weights, alone, strict=True)
    ]
    names = [("query", 7), "b", 2.5, frozenset({1}), b"x"]
    groups = [name for name, m in zip(names, lengths, strict=True) for _ in range(m)]
    order = rng.permutation(sum(lengths))
    value, gradient = loss(
        np.concatenate([scores for scores, _ in lists])[order],
        np.concatenate([target for _, target in lists])[order],
        groups=[groups[i] for i in order],
        sample_weight=np.repeat(weights, lengths)[order],
        **params,
    )
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(
        gradient, np.concatenate(pieces)[order], rtol=1e-9, atol=1e-14
    )


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_integer_weights_repeat_lists(loss, params):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(3, 4))
    target = rng.integers(0, 3, size=(3, 4))
    times = [2, 0, 3]
    value, gradient = loss(scores, target, sample_weight=times, **params)
    repeated = loss(
        np.repeat(scores, times, axis=0), np.repeat(target, times, axis=0), **params
    )
    assert value == pytest.approx(repeated[0], rel=1e-12)
    total = [repeated[1][:2].sum(axis=0), np.zeros(4), repeated[1][2:].sum(axis=0)]
    np.testing.assert_allclose(gradient, total, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_dtype_inputs_and_empty_lists(loss, params):
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(2, 5)).astype(np.float32)
    target = rng.integers(0, 3, size=(2, 5))
    scores.flags.writeable = False
    value, gradient = loss(scores, target, **params)
    assert gradient.dtype == np.float32
    double = loss(scores.astype(float), target.tolist(), **params)
    assert value == pytest.approx(double[0], rel=1e-5)
    absent = np.vstack([target.astype(float), np.full(5, np.nan)])
    extended, gradient = loss(np.vstack([scores, scores[:1]]), absent, **params)
    assert extended == pytest.approx(2.0 / 3.0 * value, rel=1e-5)
    assert (gradient[2] == 0.0).all()
    value, gradient = loss(np.empty((0, 3)), np.empty((0, 3)), **params)
    assert value == 0.0
    assert gradient.shape == (0, 3)


def test_spearman_and_kendall_in_the_hard_limit():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=9)
    target = rng.normal(size=9)
    rho = spearmanr(scores, target).statistic
    tau = kendalltau(scores, target).statistic
    for strength in (0.0, 1e-9):
        value, gradient = soft_spearman_loss(
            scores, target, regularization_strength=strength
        )
        assert value == pytest.approx(1.0 - rho, rel=1e-12)
        assert not gradient.any()
        value, gradient = soft_kendall_loss(
            scores, target, regularization_strength=strength
        )
        assert value == pytest.approx(1.0 - tau, rel=1e-12)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-12)


def test_kendall_in_blocks(monkeypatch):
    rng = np.random.default_rng(6)
    scores, target = rng.normal(size=(2, 3, 20))
    expected = soft_kendall_loss(scores, target)
    monkeypatch.setattr("sksoft.losses._pairs.PAIRS_AT_ONCE", 100)
    value, gradient = soft_kendall_loss(scores, target)
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12)


@pytest.mark.parametrize("regularization", ["l2", "kl"])
def test_fenchel_young_loss_is_convex_and_zero_at_its_target(regularization):
    rng = np.random.default_rng(7)
    params = {"regularization": regularization, "regularization_strength": 0.7}
    target = rng.normal(size=6)
    first, second = rng.normal(scale=3.0, size=(2, 6))
    ends = [fenchel_young_rank_loss(x, target, **params)[0] for x in (first, second)]
    for share in np.linspace(0.0, 1.0, 11):
        value, gradient = fenchel_young_rank_loss(
            share * first + (1.0 - share) * second, target, **params
        )
        assert value <= share * ends[0] + (1.0 - share) * ends[1] + 1e-12
        soft = soft_rank(share * first + (1.0 - share) * second, **params)
        np.testing.assert_allclose(gradient, soft - rankdata(target), atol=1e-12)
        if regularization == "l2":
            assert value >= 0.35 * (gradient**2).sum() - 1e-12
    value, gradient = fenchel_young_rank_loss(100.0 * target, target, **params)
    assert value == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-9)


@pytest.mark.parametrize("k", [None, 1, 3, 20])
@pytest.mark.parametrize("method", ["logistic", "permutahedron"])
def test_ndcg_in_the_hard_limit(k, method):
    rng = np.random.default_rng(8)
    scores = rng.normal(size=(5, 8))
    grades = rng.integers(0, 4, size=(5, 8))
    expected = 1.0 - ndcg_score(2.0**grades - 1.0, scores, k=k)
    params = {"k": k, "regularization_strength": 1e-6}
    value, _ = soft_ndcg_loss(scores, grades, method=method, **params)
    assert value == pytest.approx(expected, rel=1e-9)
    value, _ = softrank_ndcg_loss(scores, grades, k=k, sigma=1e-6)
    assert value == pytest.approx(expected, rel=1e-9)


def test_softrank_is_the_mean_over_noise():
    rng = np.random.default_rng(9)
    scores = np.array([0.3, 0.0, 1.0, -0.5])
    grades = np.array([2, 1, 0, 1])
    noisy = scores + 0.8 * rng.normal(size=(40_000, 4))
    grades_repeated = np.broadcast_to(grades, noisy.shape)
    mean = 1.0 - ndcg_score(2.0**grades_repeated - 1.0, noisy, k=2)
    value, _ = softrank_ndcg_loss(scores, grades, sigma=0.8, k=2, exact=True)
    assert value == pytest.approx(mean, abs=5e-3)


def test_listnet_is_least_at_its_target():
    target = np.array([0.0, 2.0, 1.0])
    value, gradient = listnet_loss(target + 3.0, target)
    entropy = -(softmax(target) * log_softmax(target)).sum()
    assert value == pytest.approx(entropy)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-15)


def test_topk_ranking_in_the_hard_limit():
    scores = np.array([[0.1, 2.0, -1.0, 0.7, 1.5]])
    for label, rank in zip(range(5), [4, 1, 5, 3, 2], strict=True):
        for k in (1, 2, 4):
            value, _ = topk_ranking_loss(
                scores, [label], k=k, regularization_strength=1e-9
            )
            assert value == max(rank - k, 0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_smooth_topk_svm_sums_over_sets(k):
    rng = np.random.default_rng(10)
    scores = rng.normal(size=5)
    tau = 0.6
    for label in range(5):
        with_label = without = 0.0
        for chosen in itertools.combinations(range(5), k):
            weight = np.exp(scores[list(chosen)].sum() / (k * tau))
            if label in chosen:
                with_label += weight
            else:
                without += weight
        expected = tau * np.log1p(np.exp(1.0 / tau) * without / with_label)
        value, _ = smooth_topk_svm_loss(
            scores[np.newaxis], [label], k=k, regularization_strength=tau
        )
        assert value == pytest.approx(expected, rel=1e-12)


def test_topk_cross_entropy_is_the_log_of_the_mask():
    rng = np.random.default_rng(11)
    scores = rng.normal(size=(7, 6))
    labels = rng.integers(0, 6, size=7)
    for k in (1, 3, 5):
        mask = soft_topk(scores, k, regularization_strength=0.3)
        value, _ = topk_cross_entropy_loss(
            scores, labels, k=k, regularization_strength=0.3
        )
        expected = -np.log(mask[np.arange(7), labels]).mean()
        assert value == pytest.approx(expected, rel=1e-12)
    value, gradient = topk_cross_entropy_loss(scores, labels, k=6)
    assert value == 0.0
    assert not gradient.any()


def test_topk_losses_stay_finite_at_extreme_scores():
    scores = np.array([[0.0, 1e4, -1e4, 3e4]])
    value, gradient = topk_cross_entropy_loss(scores, [2], k=2)
    # The threshold lies halfway between the second and the third score.
    assert value == pytest.approx(1.5e4)
    np.testing.assert_allclose(gradient, [[0.5, 0.5, -1.0, 0.0]])
    value, gradient = smooth_topk_svm_loss(scores, [2], k=2)
    assert value == pytest.approx(1.0 + (1e4 - -1e4) / 2)
    np.testing.assert_allclose(gradient, [[0.0, 0.5, -0.5, 0.0]], atol=1e-12)
    value, gradient = topk_ranking_loss(scores, [2], k=2, regularization_strength=1e-3)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1.0), "scores must have at least one dimension"),
        (([1.0, 2.0], [1.0]), r"target must have the shape of scores, \(2,\)"),
        (([1.0, np.nan], [1.0, 2.0]), "scores must hold finite numbers"),
        (([1.0, 2.0], [1.0, np.inf]), "target must hold numbers of magnitude"),
    ],
)
def test_errors_of_arrays(arguments, message):
    with pytest.raises(ValueError, match=message):
        soft_spearman_loss(*arguments)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"groups": [0]}, "groups must have the length of scores, 3, got 1"),
        ({"groups": [0, None, 0]}, "groups must not be missing, got None at index 1"),
        ({"groups": np.zeros((3, 1))}, "groups must have one dimension"),
        ({"groups": pd.DataFrame({"group": [0, 0, 0]})}, "groups must have one dim"),
        ({"groups": 3}, "groups must have one dimension, got int"),
        ({"groups": pd.Series([0, None, 0], dtype="Int64")}, "got <NA> at index 1"),
        ({"groups": pd.Series(["a", None, "a"], dtype="string")}, "got <NA> at index"),
        ({"groups": "aab", "sample_weight": [1, 2, 1]}, "equal within a group"),
        ({"sample_weight": [1.0]}, r"sample_weight must have shape \(\)"),
        ({"groups": "abc", "sample_weight": [1, -1, 1]}, "sample_weight must be >= 0"),
        ({"groups": "abc", "sample_weight": [0, 0, 0]}, "must have a non-zero sum"),
        ({"regularization_strength": -1.0}, "must be a finite number >= 0"),
        ({"regularization_strength": [1.0, 2.0]}, "must be one number"),
        ({"regularization": "l1"}, "regularization"),
        ({"method": "none"}, "method must be one of"),
    ],
)
def test_errors_of_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        soft_spearman_loss([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], **params)


def test_errors_of_groups_with_rows():
    with pytest.raises(ValueError, match="scores must have one dimension"):
        soft_spearman_loss(np.zeros((2, 2)), np.zeros((2, 2)), groups=[0, 1])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be at least 1, got 0"),
        ({"k": 1.5}, TypeError, "k must be an integer or None"),
        ({"gain": "square"}, ValueError, "gain must be one of 'exp2', 'linear'"),
    ],
)
def test_errors_of_ndcg(params, error, message):
    with pytest.raises(error, match=message):
        soft_ndcg_loss([1.0, 2.0], [1, 0], **params)
    with pytest.raises(ValueError, match="relevance must be >= 0"):
        soft_ndcg_loss([1.0, 2.0], [-1, 0])


@pytest.mark.parametrize(
    ("labels", "params", "error", "message"),
    [
        ([0.5], {}, TypeError, "target must hold class indices"),
        ([0, 1], {}, ValueError, r"target must have the shape of scores without"),
        ([3], {}, ValueError, "class indices between 0 and 2, got values from 3 to 3"),
        ([0], {"k": 0}, ValueError, "k must lie between 1 and"),
        ([0], {"k": 4}, ValueError, "k must lie between 1 and"),
        ([0], {"k": True}, TypeError, "k must be an integer"),
    ],
)
@pytest.mark.parametrize(
    "loss", [topk_ranking_loss, topk_cross_entropy_loss, smooth_topk_svm_loss]
)
def test_errors_of_label_losses(loss, labels, params, error, message):
    with pytest.raises(error, match=message):
        loss([[0.0, 1.0, 2.0]], labels, **params)


@pytest.mark.parametrize("strength", [0, 0.0, -1.0])
@pytest.mark.parametrize("loss", [topk_cross_entropy_loss, smooth_topk_svm_loss])
def test_strengths_that_must_be_positive(loss, strength):
    message = f"regularization_strength must be > 0, got {float(strength)}"
    with pytest.raises(ValueError, match=message):
        loss([[0.0, 1.0, 2.0]], [0], regularization_strength=strength)


@pytest.mark.parametrize(
    "loss",
    [soft_ndcg_loss, pairwise_logistic_loss, softrank_ndcg_loss, listnet_loss],
)
def test_errors_of_relevance_name_it(loss):
    with pytest.raises(ValueError, match="relevance must have the shape of scores"):
        loss([1.0, 2.0], [1, 2, 3])
    with pytest.raises(TypeError, match="relevance must hold real numbers"):
        loss([1.0, 2.0], ["a", "b"])


def test_gains_that_would_overflow_are_refused():
    with pytest.raises(ValueError, match=r"relevance must be at most 996 .* got 2000"):
        soft_ndcg_loss([1.0, 2.0], [2000, 0])
    value, gradient = soft_ndcg_loss([1.0, 2.0], [996, 0])
    assert 0.0 < value < 1.0
    assert np.isfinite(gradient).all()
    assert np.isfinite(soft_ndcg_loss([1.0, 2.0], [2000, 0], gain="linear")[0])


def test_groups_must_be_hashable():
    with pytest.raises(TypeError, match=r"groups must hold hashable .* got \[0\] at"):
        soft_spearman_loss([1.0, 2.0], [1, 2], groups=[[0], [0]])


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_lists_of_one_entry_are_refused(loss, params):
    for scores in (np.zeros((5, 1)), np.zeros(1)):
        with pytest.raises(ValueError, match=r"at least 2 entries .* groups="):
            loss(scores, np.zeros(scores.shape), **params)
    with pytest.raises(ValueError, match="got at most 1 in a list"):
        loss([0.0, 1.0], [1.0, np.nan], **params)
    with pytest.raises(ValueError, match="got at most 1 in a list"):
        loss([0.0, 1.0], [1.0, 0.0], groups=[0, 1], **params)


@pytest.mark.parametrize(("loss", "params"), named(LABEL_LOSSES))
def test_a_single_class_is_refused(loss, params):
    with pytest.raises(ValueError, match="at least two classes along the last axis"):
        loss(np.zeros((5, 1)), np.zeros(5, dtype=int), **params)


@pytest.mark.parametrize(("loss", "params"), named(LIST_LOSSES))
def test_masked_arrays_are_refused(loss, params):
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    plain = [1.0, 2.0, 3.0]
    for arguments, more in (
        ((masked, plain), {}),
        ((plain, masked), {}),
        ((plain, plain), {"groups": np.ma.array([0, 0, 0])}),
        ((plain, plain), {"groups": [0, 0, 0], "sample_weight": np.ma.ones(3)}),
    ):
        with pytest.raises(TypeError, match="must be a plain array, got a masked"):
            loss(*arguments, **more, **params)


def test_masked_labels_are_refused():
    with pytest.raises(TypeError, match="target must be a plain array, got a masked"):
        topk_cross_entropy_loss(np.zeros((2, 3)), np.ma.array([0, 1]))


def test_groups_are_numbered_once(monkeypatch):
    import sksoft._lists as lists

    calls = []
    original = lists.encode_groups

    def counted(*args, **params):
        calls.append(1)
        return original(*args, **params)

    monkeypatch.setattr(lists, "encode_groups", counted)
    monkeypatch.setattr("sksoft.ranking._query_ranker.encode_groups", counted)
    soft_spearman_loss([1.0, 2.0, 3.0], [1, 2, 3], groups=list("aab"))
    assert len(calls) == 1
    from sksoft.ranking import SoftNDCGRanker

    X = np.random.default_rng(0).normal(size=(12, 2))
    ranker = SoftNDCGRanker().fit(X, np.arange(12) % 3, qid=np.arange(12) // 4)
    assert len(calls) == 2
    ranker.score(X, np.arange(12) % 3, qid=np.arange(12) // 4)
    assert len(calls) == 3


def test_integers_that_become_ties_are_told():
    target = np.array([2**60, 2**60 + 1, 0])
    with pytest.warns(UserWarning, match="target holds integers beyond"):
        soft_spearman_loss([1.0, 2.0, 3.0], target)


def test_lists_without_entries():
    for shape in ((3, 0), (0, 3), (0,)):
        value, gradient = soft_kendall_loss(np.empty(shape), np.empty(shape))
        assert value == 0.0
        assert gradient.shape == shape
