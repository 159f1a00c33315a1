# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random searches of sequences and losses of beams, and what must hold for each.

What is compared is counted out: all sequences of labels there are.
"""

import itertools
import warnings

import numpy as np
from fuzzing import Case, draw_values, frozen, same, unchanged
from scipy.special import logsumexp

from sksoft import losses, sequence

FUNCTIONS = ("viterbi", "beam_search", "soft_beam_search", "soft_beam_step")
OBJECTIVES = ("cross_entropy", "membership", "hinge", "soft")
# So many sequences of labels are counted out at most.
MOST_PATHS = 300


class SequenceCase(Case):
    """A call of a function of sksoft.sequence or of the loss of beams."""

    def snippet(self):
        """Return a program that makes the call."""
        lines = ["import numpy as np", "from sksoft import losses, sequence", ""]
        module = "losses" if self.name == "beam_loss" else "sequence"
        # Arrays of numpy print as what they are.
        lines += ["array, float32, inf = np.array, np.float32, np.inf"]
        with np.printoptions(threshold=10**9, floatmode="unique", precision=None):
            pairs = [f"{key}={value!r}" for key, value in self.args.items()]
        given = ",\n    ".join(pairs)
        return "\n".join([*lines, f"print({module}.{self.name}(\n    {given}\n))"])


def draw(seed):
    """Return the case of a seed."""
    rng = np.random.default_rng([seed, 2])
    name = str(rng.choice([*FUNCTIONS, "beam_loss", "beam_loss"]))
    if name == "soft_beam_step":
        shape = (*rng.integers(1, 4, rng.integers(3)).tolist(), int(rng.integers(1, 9)))
        scores, scale = draw_values(rng, shape, _dtype(rng))
        args = {
            "scores": scores,
            "states": rng.normal(size=(*shape, int(rng.integers(1, 4)))),
            "k": int(rng.integers(1, shape[-1] + 1)),
            "regularization_strength": _strength(rng, scale),
        }
        return SequenceCase(seed, name, args)
    n_labels, n_steps = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    shape = (n_steps, n_labels)
    args = {}
    if rng.random() < 0.5:
        shape = (int(rng.integers(1, 4)), *shape)
    elif rng.random() < 0.5:
        args["lengths"] = rng.integers(1, 4, rng.integers(1, 4))
        shape = (int(args["lengths"].sum()), n_labels)
    emissions, scale = draw_values(rng, shape, _dtype(rng))
    first = scale * rng.normal(size=(n_labels,) * 2)
    second = scale * rng.normal(size=(n_labels,) * 3)
    transitions = [first, second, (first, second)][rng.integers(3)]
    args = {"emissions": emissions, "transitions": transitions, **args}
    if name != "viterbi":
        args["k"] = int(rng.choice([rng.integers(1, 5), 100]))
    if name == "beam_search":
        args["n_best"] = int(rng.integers(1, args["k"] + 1)) if args["k"] < 9 else 3
    if name == "soft_beam_search":
        args["regularization_strength"] = _strength(rng, scale)
    if name == "beam_loss":
        objective = str(rng.choice(OBJECTIVES))
        args |= {"objective": objective}
        args["target"] = rng.integers(0, n_labels, shape[:-1])
        args["final_weight"] = float(rng.choice([0.0, 1.0, 3.0, np.inf]))
        if objective in ("membership", "soft"):
            strength = _strength(rng, scale)
            args["regularization_strength"] = max(strength, 5e-324)
        if rng.random() < 0.4:
            n_sequences = len(args.get("lengths", shape[:-2] or [1]))
            if "lengths" not in args and len(shape) == 3:
                n_sequences = shape[0]
            weights = rng.choice([0.0, 1.0, 2.5], n_sequences)
            weights[0] = 1.0
            alone = len(shape) == 2 and "lengths" not in args
            args["sample_weight"] = 2.5 if alone else weights
    return SequenceCase(seed, name, args)


def _dtype(rng):
    return np.dtype(rng.choice(["float64", "float64", "float32"]))


def _strength(rng, scale):
    choices = [0.0, 5e-324, 1e-300, 1e300, scale * 10.0 ** rng.uniform(-4, 3)]
    return float(choices[rng.choice(5, p=[0.1, 0.05, 0.05, 0.1, 0.7])])


def check(case):
    """Raise an AssertionError, or what the call raises, unless all holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        args = frozen(case.args)
        if isinstance(args.get("transitions"), tuple):
            pair = dict(enumerate(args["transitions"]))
            args["transitions"] = tuple(frozen(pair).values())
        CHECKS[case.name](args)
        unchanged(case.args, args)


def _alone(args):
    """Yield the arguments for each sequence by itself, and its rows."""
    emissions = args["emissions"]
    rows = emissions.reshape(-1, emissions.shape[-1])
    if "lengths" in args:
        ends = np.cumsum(args["lengths"])
        starts = ends - args["lengths"]
    else:
        n_steps = emissions.shape[-2]
        starts = np.arange(0, len(rows), n_steps)
        ends = starts + n_steps
    for i, place in enumerate(map(slice, starts, ends)):
        alone = {**args, "emissions": rows[place]}
        alone.pop("lengths", None)
        if "target" in args:
            alone["target"] = args["target"].ravel()[place]
        alone.pop("sample_weight", None)
        yield i, place, alone


def _paths(emissions, transitions):
    """Return all sequences of labels and their scores, or None where there are many."""
    n_steps, n_labels = emissions.shape
    if n_labels**n_steps > MOST_PATHS:
        return None
    both = transitions if isinstance(transitions, tuple) else (transitions,)
    paths = np.array(list(itertools.product(range(n_labels), repeat=n_steps)))
    scores = np.zeros(len(paths))
    for step in range(n_steps):
        scores += emissions[step].astype(np.float64)[paths[:, step]]
        for table in both:
            if step >= table.ndim - 1:
                last = paths[:, step - table.ndim + 1 : step + 1]
                scores += table[tuple(last.T)]
    return paths, scores


def _close(actual, expected, emissions, transitions, what):
    parts = transitions if isinstance(transitions, tuple) else (transitions,)
    sizes = [np.abs(part).max(initial=0.0) for part in (emissions, *parts)]
    relative = 1e-5 if emissions.dtype == np.float32 else 1e-12
    error = np.max(np.abs(np.subtract(actual, expected)), initial=0.0)
    assert error <= relative * len(emissions) * sum(sizes), f"{what}: {error}"


def _check_viterbi(args):
    labels, scores = sequence.viterbi(**args)
    scores = np.reshape(scores, -1)
    for i, place, alone in _alone(args):
        one_labels, one_score = sequence.viterbi(**alone)
        same(labels.ravel()[place], one_labels, f"sequence {i} alone has other labels")
        same(scores[i], one_score, f"sequence {i} alone has another score")
        found = _paths(alone["emissions"], alone["transitions"])
        if found is not None:
            given = alone["emissions"], alone["transitions"]
            _close(one_score, found[1].max(), *given, "not the best score")
            chosen = (found[0] == one_labels).all(axis=1)
            _close(found[1][chosen], found[1].max(), *given, "not the best path")


def _check_beam_search(args):
    labels, scores = sequence.beam_search(**args)
    n_best = args["n_best"]
    labels, scores = labels.reshape(-1, n_best), scores.reshape(-1, n_best)
    for i, place, alone in _alone(args):
        one_labels, one_scores = sequence.beam_search(**alone)
        same(labels[place], one_labels, f"sequence {i} alone has other labels")
        same(scores[i], one_scores, f"sequence {i} alone has other scores")
        found = _paths(alone["emissions"], alone["transitions"])
        if found is None:
            continue
        given = alone["emissions"], alone["transitions"]
        filled = np.isfinite(one_scores)
        assert np.all(np.diff(one_scores[filled]) <= 0.0), "the best is not first"
        assert np.all(one_labels[:, ~filled] == -1), "labels where there is no sequence"
        for column in np.flatnonzero(filled):
            chosen = (found[0] == one_labels[:, column]).all(axis=1)
            assert chosen.sum() == 1, "no sequence of labels"
            _close(one_scores[column], found[1][chosen], *given, "not its score")
        if args["k"] == 100:
            best = np.sort(found[1])[::-1][:n_best]
            assert filled.sum() == len(best), "sequences are missing"
            _close(one_scores[filled], best, *given, "not the best scores")


def _check_soft_beam_search(args):
    found, pullback = sequence.soft_beam_search(**args)
    k = args["k"]
    assert not np.any(np.isnan(found.scores)), "a score is NaN"
    assert np.all(found.states >= 0.0), "a share is negative or NaN"
    rng = np.random.default_rng(3)
    cotangent = rng.normal(size=found.scores.shape)
    d_emissions, d_transitions = pullback(cotangent)
    parts = d_transitions if isinstance(d_transitions, tuple) else (d_transitions,)
    for gradient in (d_emissions, *parts):
        assert not np.any(np.isnan(gradient)), "a gradient is NaN"
    assert d_emissions.shape == args["emissions"].shape
    rows = d_emissions.reshape(-1, d_emissions.shape[-1])
    for i, place, alone in _alone(args):
        one, one_pullback = sequence.soft_beam_search(**alone)
        scores = found.scores.reshape(-1, k)[i]
        same(one.scores, scores, f"sequence {i} alone has other scores")
        gradient = one_pullback(cotangent.reshape(-1, k)[i])[0]
        assert np.array_equal(gradient, rows[place]), f"gradient of sequence {i} alone"


def _check_soft_beam_step(args):
    step, pullback = sequence.soft_beam_step(**args)
    rng = np.random.default_rng(4)
    cotangents = [
        rng.normal(size=step.scores.shape),
        rng.normal(size=step.states.shape),
    ]
    gradients = pullback(*cotangents)
    for result in (step.scores, step.states, step.columns, *gradients):
        assert not np.any(np.isnan(result)), "a result is NaN"
    sums = step.columns.sum(axis=-2)
    assert np.allclose(sums, 1.0, rtol=1e-5, atol=0), "columns do not sum to one"
    for place in np.ndindex(step.scores.shape[:-1]):
        alone = {
            **args,
            "scores": args["scores"][place],
            "states": args["states"][place],
        }
        one, one_pullback = sequence.soft_beam_step(**alone)
        same(one.scores, step.scores[place], f"beam {place} alone differs")
        parts = one_pullback(*(cotangent[place] for cotangent in cotangents))
        for part, gradient in zip(parts, gradients, strict=True):
            assert np.array_equal(part, gradient[place]), f"gradient of beam {place}"


def _check_beam_loss(args):
    value, (d_emissions, d_transitions) = losses.beam_loss(**args)
    assert np.ndim(value) == 0
    assert d_emissions.shape == args["emissions"].shape
    parts = d_transitions if isinstance(d_transitions, tuple) else (d_transitions,)
    for result in (value, d_emissions, *parts):
        assert not np.any(np.isnan(result)), "the value or a gradient is NaN"
    alone = list(_alone(args))
    weights = np.atleast_1d(args.get("sample_weight", np.ones(len(alone))))
    weights = weights / weights.sum()
    rows = d_emissions.reshape(-1, d_emissions.shape[-1])
    total = 0.0
    for i, place, one in alone:
        one_value, (gradient, _) = losses.beam_loss(**one)
        total += weights[i] * one_value
        # Where single precision overflows, or slopes are cut off lest they do, the
        # parts may differ from the sum.
        finite = np.isfinite(gradient) & np.isfinite(rows[place])
        finite &= np.abs(gradient.astype(np.float64)) < 1e250
        gradient, of_batch = gradient[finite], rows[place][finite]
        relative = 1e-5 if gradient.dtype == np.float32 else 1e-11
        size = relative * np.max(np.abs(gradient), initial=0.0)
        gap = np.max(np.abs(of_batch - weights[i] * gradient), initial=0.0)
        assert gap <= size, f"gradient of sequence {i} alone differs by {gap}"
        if args["objective"] == "cross_entropy" and args["k"] == 100:
            _check_likelihood(one)
    if np.isfinite(total) or np.isfinite(value):
        error = abs(total - value)
        assert error <= 1e-11 * abs(total) + 1e-300, "no mean of its sequences"


def _check_likelihood(args):
    """A beam of all prefixes has the likelihood of a conditional random field."""
    found = _paths(args["emissions"], args["transitions"])
    if found is None:
        return
    value, _ = losses.beam_loss(**{**args, "final_weight": np.inf})
    paths, scores = found
    right = scores[(paths == args["target"]).all(axis=1)][0]
    given = args["emissions"].astype(np.float64), args["transitions"]
    _close(value, logsumexp(scores) - right, *given, "not the likelihood")


CHECKS = {
    "viterbi": _check_viterbi,
    "beam_search": _check_beam_search,
    "soft_beam_search": _check_soft_beam_search,
    "soft_beam_step": _check_soft_beam_step,
    "beam_loss": _check_beam_loss,
}
