# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses at strengths, scores and dtypes at the ends of what numbers can hold."""

import mpmath
import numpy as np
import pytest

from sksoft.losses import (
    fenchel_young_rank_loss,
    listnet_loss,
    pairwise_logistic_loss,
    smooth_topk_svm_loss,
    soft_auc_loss,
    soft_average_precision_loss,
    soft_kendall_loss,
    soft_ndcg_loss,
    soft_spearman_loss,
    softrank_ndcg_loss,
    topk_cross_entropy_loss,
    topk_ranking_loss,
)

STRENGTHS = [5e-324, 1e-320, 1e-309, 1e-300, 1e-20, 1e-12, 1e-3, 1.0, 1e12, 1e300]
LISTS = [
    (soft_spearman_loss, {}, "regularization_strength"),
    (soft_spearman_loss, {"regularization": "kl"}, "regularization_strength"),
    (soft_spearman_loss, {"method": "logistic"}, "regularization_strength"),
    (soft_spearman_loss, {"method": "laplace"}, "regularization_strength"),
    (fenchel_young_rank_loss, {}, "regularization_strength"),
    (fenchel_young_rank_loss, {"regularization": "kl"}, "regularization_strength"),
    (soft_kendall_loss, {}, "regularization_strength"),
    (pairwise_logistic_loss, {}, "regularization_strength"),
    (pairwise_logistic_loss, {"pair_weights": "ndcg"}, "regularization_strength"),
    (soft_auc_loss, {}, "regularization_strength"),
    (soft_auc_loss, {"method": "gaussian"}, "regularization_strength"),
    (soft_average_precision_loss, {}, "regularization_strength"),
    (soft_ndcg_loss, {}, "regularization_strength"),
    (soft_ndcg_loss, {"k": 2}, "regularization_strength"),
    (soft_ndcg_loss, {"method": "permutahedron"}, "regularization_strength"),
    (softrank_ndcg_loss, {}, "sigma"),
    (softrank_ndcg_loss, {"exact": True}, "sigma"),
]
LABELS = [
    (topk_ranking_loss, {"k": 2}),
    (topk_ranking_loss, {"k": 1, "method": "logistic"}),
    (topk_cross_entropy_loss, {"k": 1}),
    (topk_cross_entropy_loss, {"k": 3}),
    (smooth_topk_svm_loss, {"k": 1}),
    (smooth_topk_svm_loss, {"k": 3}),
]


def batches():
    """Yield scores with and without ties, of several magnitudes."""
    rng = np.random.default_rng(0)
    for magnitude in (1e-300, 1e-30, 1.0, 1e30, 1e299):
        yield magnitude * rng.normal(size=(3, 5))
        yield magnitude * rng.integers(0, 3, size=(3, 5))
    yield np.array([[0.0, 1.0, 1.0, 1.0, 0.5]] * 3)
    yield np.array([[-800.0, -900.0, 3.0, 800.0, -900.0]] * 3)


def check_numbers(value, gradient):
    """Infinite values and slopes may be right, but never NaN."""
    assert not np.isnan(value)
    assert value >= 0.0
    assert not np.isnan(gradient).any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("loss", "params", "name"), LISTS)
def test_lists(loss, params, name, dtype):
    target = np.array([[1, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]])
    for scores in batches():
        if dtype == np.float32 and np.abs(scores).max() > 1e38:
            continue
        for strength in STRENGTHS:
            # A list of weight 0 never counts, infinite as its slopes may be.
            check_numbers(
                *loss(
                    scores.astype(dtype),
                    target,
                    sample_weight=[1.0, 0.0, 2.0],
                    **{**params, name: strength},
                )
            )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("loss", "params"), LABELS)
def test_labels(loss, params, dtype):
    for scores in batches():
        if dtype == np.float32 and np.abs(scores).max() > 1e38:
            continue
        for strength in STRENGTHS:
            check_numbers(
                *loss(
                    scores.astype(dtype),
                    [0, 3, 2],
                    sample_weight=[1.0, 0.0, 2.0],
                    regularization_strength=strength,
                    **params,
                )
            )


def test_listnet():
    for scores in batches():
        check_numbers(*listnet_loss(scores, np.abs(scores[::-1])))


def hinge_reference(scores, label, k, strength):
    """The smoothed top-k hinge with 500 digits."""
    with mpmath.workdps(500):
        x = [mpmath.mpf(float(s)) for s in scores]
        tau = mpmath.mpf(strength)
        others = [v for i, v in enumerate(x) if i != label]
        # Elementary symmetric polynomials, relative to the largest score.
        top = max(x)
        e = [mpmath.mpf(1)] + [mpmath.mpf(0)] * k
        for v in others:
            factor = mpmath.exp((v - top) / (k * tau))
            for degree in range(k, 0, -1):
                e[degree] += factor * e[degree - 1]
        right = mpmath.exp((x[label] - top) / (k * tau))
        ratio = mpmath.exp(1 / tau) * e[k] / (right * e[k - 1])
        return float(tau * mpmath.log(1 + ratio))


@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.3, 1.0, 1e3])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_smooth_topk_svm_agrees_with_high_precision(strength, k):
    rng = np.random.default_rng(1)
    for scale in (0.01, 1.0, 30.0):
        scores = scale * rng.normal(size=6)
        for label in range(6):
            value, _ = smooth_topk_svm_loss(
                scores[None], [label], k=k, regularization_strength=strength
            )
            expected = hinge_reference(scores, label, k, strength)
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("strength", [1e-320, 1e-20, 1e-12, 1e-8])
def test_small_temperatures_are_the_hinge_to_the_last_digits(strength):
    scores = np.array([[0.3, 1.1, -0.7, 0.2, 0.9]])
    value, gradient = smooth_topk_svm_loss(
        scores, [2], k=2, regularization_strength=strength
    )
    # The right class against the second of the others.
    assert value == pytest.approx(1.0 + (0.9 + 0.7) / 2, rel=1e-15)
    np.testing.assert_array_equal(gradient, [[0.0, 0.0, -0.5, 0.0, 0.5]])


def test_topk_cross_entropy_keeps_its_digits_at_small_strengths():
    scores = np.array([[1.0, 1.0 + 2e-12, 1.0 - 3e-12, 0.0]])
    strength = 1e-12
    value, _ = topk_cross_entropy_loss(
        scores, [2], k=2, regularization_strength=strength
    )
    # Differences of the scores in units of the strength, of an easier problem.
    easy = (scores - 1.0) / strength
    expected, _ = topk_cross_entropy_loss(easy, [2], k=2, regularization_strength=1.0)
    assert value == pytest.approx(expected, rel=1e-12)


def test_slopes_beyond_float32_become_infinite_without_a_warning():
    scores = np.array([[0.0, 1e-30, -1e-30]], dtype=np.float32)
    value, gradient = topk_cross_entropy_loss(
        scores, [2], k=1, regularization_strength=1e-45
    )
    assert value > 1e14
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, [[np.inf, np.inf, -np.inf]])


def test_tied_comparisons_that_cancel_have_no_slope():
    _, gradient = soft_kendall_loss(
        [0.0, 0.0, 0.0], [1.0, 2.0, 3.0], regularization_strength=5e-324
    )
    np.testing.assert_array_equal(gradient, [np.inf, 0.0, -np.inf])
