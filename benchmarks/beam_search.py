# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training through the beam against an exact CRF, a perceptron and a local model.

Whole sequences right, in percent, where beams of width 1 to 8, and exact search, decode
models of one form on the same features: linear emissions, transitions of pairs and
triples. Three sets, each five times:

- letters: handwritten words, ``letters.npz`` of DIR; one fold trains, the others test;
- digits: strings "a b c d" of noisy digits with a x b = cd;
- text: parts of speech in sentences of a grammar with ambiguous and misspelt words, in
  sparse features; python-crfsuite, where it is installed, takes part as a peer.

    python benchmarks/beam_search.py --data DIR [--sets letters digits text]

The tagger runs at its defaults. The CRF and the local model take the learning rate and
the penalty, on the coefficients alone or on transitions too, that are best in a beam of
width 4 on a fifth of the training sequences. Time is that of one fit, without this
choice. Last, the time to decode 10 000 words of 8 letters.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.feature_extraction import DictVectorizer

from sksoft._relaxations.beam import BeamTree
from sksoft.sequence import (
    BeamSearchTagger,
    beam_search,
    sequence_from_lengths,
    viterbi,
)

WIDTHS = (1, 2, 4, 8)
# Multiples of the tagger's own penalty, and whether transitions are penalised alike.
PENALTIES = [(0.01, True), (0.01, False), (0.1, False), (0.3, False), (1.0, False)]
RATES = [0.07, 0.2]
TAGS = ("DET", "ADJ", "NOUN", "VERB", "PREP", "ADV", "PRON", "CONJ")


# %%
# Data: training and test parts, each of features, labels and lengths.


def letters(folder, seed):
    """Return words of handwritten letters: fold `seed` trains."""
    data = np.load(folder / "letters.npz")
    X = np.unpackbits(data["pixels"], axis=1).astype(float)
    y = data["labels"].astype(int) - data["labels"].min()
    trains = data["folds"] == seed
    rows = np.repeat(trains, data["lengths"])
    return [
        (X[part], y[part], data["lengths"][words])
        for part, words in ((rows, trains), (~rows, ~trains))
    ]


def digits(seed, n_strings=(300, 3000), noise=5.0):
    """Return strings of digits that multiply, from two halves of the images."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    halves = np.array_split(rng.permutation(len(y)), 2)
    parts = []
    for half, n in zip(halves, n_strings, strict=True):
        a, b = rng.integers(10, size=(2, n))
        labels = np.column_stack([a, b, a * b // 10, a * b % 10]).ravel()
        rows = np.array([rng.choice(half[y[half] == label]) for label in labels])
        images = X[rows] + noise * rng.normal(size=(len(rows), 64))
        parts.append((images, labels, np.full(n, 4)))
    return parts


class Grammar:
    """Sentences whose open classes share their words, a few of them misspelt."""

    sizes = (6, 150, 400, 250, 15, 60, 8, 4)
    endings = {
        "ADJ": ("y", "al", "ous", ""),
        "NOUN": ("er", "ion", "s", "", ""),
        "VERB": ("s", "ed", "ing", "", ""),
        "ADV": ("ly", "ly", ""),
    }
    misspelt = 0.08

    def __init__(self, seed=12345):
        rng = np.random.default_rng(seed)
        stems = [self._stem(rng) for _ in range(350)]
        self.words, self.chances = {}, {}
        for tag, size in zip(TAGS, self.sizes, strict=True):
            endings = self.endings.get(tag, ("",))
            self.words[tag] = [
                (rng.choice(stems) if tag in TAGS[1:4] else self._stem(rng))
                + rng.choice(endings)
                for _ in range(size)
            ]
            chances = 1.0 / np.arange(1, size + 1)
            self.chances[tag] = chances / chances.sum()

    def _stem(self, rng):
        return "".join(
            rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 6))
        )

    def noun_phrase(self, rng, depth=0):
        if rng.random() < 0.15:
            return ["PRON"]
        tags = ["DET"] if rng.random() < 0.75 else []
        while rng.random() < 0.35 and len(tags) < 4:
            tags.append("ADJ")
        tags += ["NOUN"] * (1 + (rng.random() < 0.2))
        if depth < 2 and rng.random() < 0.3:
            tags += ["PREP", *self.noun_phrase(rng, depth + 1)]
        return tags

    def verb_phrase(self, rng):
        tags = ["ADV"] if rng.random() < 0.15 else []
        tags.append("VERB")
        if rng.random() < 0.7:
            tags += self.noun_phrase(rng)
        if rng.random() < 0.25:
            tags.append("ADV")
        if rng.random() < 0.3:
            tags += ["PREP", *self.noun_phrase(rng, 1)]
        return tags

    def sentence(self, rng):
        tags = self.noun_phrase(rng) + self.verb_phrase(rng)
        if rng.random() < 0.15:
            tags += ["CONJ", *self.noun_phrase(rng), *self.verb_phrase(rng)]
        words = []
        for tag in tags:
            word = str(rng.choice(self.words[tag], p=self.chances[tag]))
            if rng.random() < self.misspelt:
                place = rng.integers(len(word))
                word = word[:place] + self._stem(rng)[0] + word[place + 1 :]
            words.append(word)
        return words, tags


def features(words):
    """Return the features of each word of a sentence."""
    padded = ["^", *words, "$"]
    rows = []
    for i, word in enumerate(words, start=1):
        rows.append(
            {
                "word=" + word: 1.0,
                "before=" + padded[i - 1]: 1.0,
                "after=" + padded[i + 1]: 1.0,
                **{f"end{n}=" + word[-n:]: 1.0 for n in (1, 2, 3)},
            }
        )
    return rows


def sentences(seed, n_sentences=(300, 1500)):
    """Return the sentences of the training and the test part."""
    grammar, rng = Grammar(), np.random.default_rng(seed)
    return [[grammar.sentence(rng) for _ in range(n)] for n in n_sentences]


def text(seed):
    """Return sentences in sparse features."""
    vectorizer = DictVectorizer()
    parts = []
    for part in sentences(seed):
        rows = [row for words, _ in part for row in features(words)]
        X = vectorizer.transform(rows) if parts else vectorizer.fit_transform(rows)
        y = np.array([TAGS.index(tag) for _, tags in part for tag in tags])
        parts.append((X, y, np.array([len(tags) for _, tags in part])))
    return parts


# %%
# Models other than the tagger's: the loss of a batch and its gradients.


def local_loss(emissions, starts, labels, first, second):
    """Lose each label given the right ones before: a maximum-entropy Markov model."""
    rows = np.arange(len(labels))
    place = rows - np.repeat(starts[:-1], np.diff(starts))
    one, two = rows[place >= 1], rows[place >= 2]
    scores = emissions.copy()
    scores[one] += first[labels[one - 1]]
    scores[two] += second[labels[two - 2], labels[two - 1]]
    scores -= scores.max(axis=1, keepdims=True)
    share = np.exp(scores)
    total = share.sum(axis=1, keepdims=True)
    value = (np.log(total[:, 0]) - scores[rows, labels]).sum()
    share /= total
    share[rows, labels] -= 1.0
    d_first, d_second = np.zeros_like(first), np.zeros_like(second)
    np.add.at(d_first, labels[one - 1], share[one])
    np.add.at(d_second, (labels[two - 2], labels[two - 1]), share[two])
    return value, share, d_first, d_second


def crf_loss(emissions, starts, labels, first, second):
    """Lose the exact negative log-likelihood of a CRF of second order.

    Forward and backward sums are normalised at each step, in the linear domain.
    """
    lengths = np.diff(starts)
    by_length = np.argsort(-lengths, kind="stable")
    begins = starts[:-1][by_length]
    active = [int((lengths > t).sum()) for t in range(lengths.max())]
    rows = [begins[:n] + t for t, n in enumerate(active)]
    d_emissions = np.zeros_like(emissions)
    d_first, d_second = np.zeros_like(first), np.zeros_like(second)
    # The score of the right labels.
    every = np.arange(len(labels))
    place = every - np.repeat(starts[:-1], lengths)
    one, two = every[place >= 1], every[place >= 2]
    pairs = labels[one - 1], labels[one]
    triples = labels[two - 2], labels[two - 1], labels[two]
    value = -emissions[every, labels].sum() - first[pairs].sum() - second[triples].sum()
    d_emissions[every, labels] -= 1.0
    np.add.at(d_first, pairs, -1.0)
    np.add.at(d_second, triples, -1.0)
    # Forward, over states of two labels: (n, a, b).
    peaks = first.max(), second.max()
    pair_weight = np.exp(first - peaks[0])
    triple_weight = np.ascontiguousarray(np.exp(second - peaks[1]).transpose(1, 0, 2))
    weights, states, log_total = [], [], np.zeros(len(lengths))
    for t, n in enumerate(active):
        peak = emissions[rows[t]].max(axis=1, keepdims=True)
        weights.append(np.exp(emissions[rows[t]] - peak))
        log_total[:n] += peak[:, 0]
        if t == 0:
            state = weights[0]
        else:
            log_total[:n] += peaks[0]
            if t == 1:
                state = states[0][:n, :, np.newaxis]
            else:
                log_total[:n] += peaks[1]
                before = states[-1][:n].transpose(2, 0, 1)
                state = np.matmul(before, triple_weight).transpose(1, 0, 2)
            state = state * pair_weight * weights[t][:, np.newaxis]
        total = state.reshape(n, -1).sum(axis=1)
        log_total[:n] += np.log(total)
        states.append(state / total.reshape(-1, *[1] * (state.ndim - 1)))
    value += log_total.sum()
    # Backward: what a state is worth from there on.
    worth = None
    for t in range(len(active) - 1, -1, -1):
        state = states[t]
        if worth is None:
            worth = np.ones(state.shape)
        ended = np.ones((len(state) - len(worth), *state.shape[1:]))
        worth = np.concatenate([worth, ended])
        share = state * worth
        total = share.reshape(len(state), -1).sum(axis=1)
        total = total.reshape(-1, *[1] * (state.ndim - 1))
        share, worth = share / total, worth / total
        if t == 0:
            d_emissions[rows[0]] += share
            break
        d_emissions[rows[t]] += share.sum(axis=1)
        d_first += share.sum(axis=0)
        onward = worth * pair_weight * weights[t][:, np.newaxis]
        if t == 1:
            worth = onward.sum(axis=2)
            continue
        before = states[t - 1][: len(state)]
        onward = onward.transpose(1, 0, 2)
        worth = np.matmul(onward, triple_weight.transpose(0, 2, 1)).transpose(1, 2, 0)
        total = (before * worth).reshape(len(state), -1).sum(axis=1)
        before = (before / total[:, np.newaxis, np.newaxis]).transpose(2, 1, 0)
        d_second += (np.matmul(before, onward) * triple_weight).transpose(1, 0, 2)
    return value, d_emissions, d_first, d_second


class Linear:
    """Emissions and transitions; the features have a last column of ones."""

    def __init__(self, n_features, n_labels):
        self.arrays = [
            np.zeros((n_features, n_labels)),
            np.zeros((n_labels,) * 2),
            np.zeros((n_labels,) * 3),
        ]

    def emissions(self, X):
        return X @ self.arrays[0]

    @property
    def transitions(self):
        return self.arrays[1], self.arrays[2]


def prepared(*matrices):
    """Return features with rows of length 5 and a last column of ones."""
    X = matrices[0]
    squares = X.multiply(X) if sparse.issparse(X) else X * X
    scale = np.sqrt(squares.sum(axis=1).mean()) / 5.0
    ones = [np.ones((X.shape[0], 1)) for X in matrices]
    if sparse.issparse(X):
        return [
            sparse.hstack([X / scale, one], format="csr")
            for X, one in zip(matrices, ones, strict=True)
        ]
    return [
        np.column_stack([X / scale, one]) for X, one in zip(matrices, ones, strict=True)
    ]


def batch_rows(starts, which):
    """Return the rows of some sequences, and where these start among them."""
    begins = np.concatenate([[0], np.cumsum(np.diff(starts)[which])])
    lengths = np.diff(begins)
    return np.repeat(starts[which] - begins[:-1], lengths) + np.arange(
        begins[-1]
    ), begins


def adam(loss, X, y, lengths, n_labels, penalty, on_transitions, rate, epochs=20):
    """Minimise a loss in the tagger's own way, for features that are scaled."""
    rng = np.random.default_rng(0)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    model = Linear(X.shape[1], n_labels)
    first = [np.zeros_like(array) for array in model.arrays]
    second = [np.zeros_like(array) for array in model.arrays]
    n, n_batches = len(lengths), max(-(-len(lengths) // 32), 20)
    count, steps = 0, n_batches * epochs
    for _ in range(epochs):
        for which in np.array_split(rng.permutation(n), n_batches):
            rows, begins = batch_rows(starts, which)
            emissions = model.emissions(X[rows])
            _, d_emissions, *slopes = loss(
                emissions, begins, y[rows], *model.transitions
            )
            gradients = [X[rows].T @ d_emissions, *slopes]
            speed = rate * (1.0 - count / steps)
            count += 1
            for i, array in enumerate(model.arrays):
                gradient = gradients[i] / len(which)
                if i == 0:
                    gradient[:-1] += penalty / n * array[:-1]
                elif on_transitions:
                    gradient += penalty / n * array
                first[i] += 0.1 * (gradient - first[i])
                second[i] += 0.001 * (gradient**2 - second[i])
                root = np.sqrt(second[i] / (1.0 - 0.999**count)) + 1e-8
                array -= speed * first[i] / (1.0 - 0.9**count) / root
    return model


def perceptron(X, y, lengths, n_labels, epochs=10, k=4):
    """Train an averaged structured perceptron by its largest violation in a beam."""
    rng = np.random.default_rng(0)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    model, sums = Linear(X.shape[1], n_labels), Linear(X.shape[1], n_labels)
    count, steps = 0, epochs * len(lengths)
    y = y.astype(np.intp)
    for _ in range(epochs):
        for i in rng.permutation(len(lengths)):
            rows = slice(starts[i], starts[i + 1])
            begins = np.array([0, lengths[i]], np.intp)
            tree = BeamTree(
                model.emissions(X[rows]), begins, y[rows], *model.transitions, k
            )
            steps_left = 1.0 - count / steps
            count += 1
            wrong = tree.candidates.copy()
            used = np.arange(wrong.shape[1]) < (tree.n_slots * n_labels)[:, np.newaxis]
            place = np.arange(lengths[i])
            right = wrong[place, y[rows]]
            wrong[~used] = -np.inf
            wrong[place, y[rows]] = -np.inf
            worst = np.argmax(wrong.max(axis=1) - right)
            rival = wrong[worst].argmax()
            if wrong[worst, rival] < right[worst]:
                continue
            cotangent = np.zeros(wrong.shape)
            cotangent[worst, y[rows][worst]] = 1.0
            cotangent[worst, rival] = -1.0
            d_emissions, *slopes = tree.pullback(cotangent)
            for array, total, slope in zip(
                model.arrays,
                sums.arrays,
                [X[rows].T @ d_emissions, *slopes],
                strict=True,
            ):
                array += slope
                total += steps_left * slope
    return sums


# %%
# The comparison.


def whole(labels, y, lengths):
    """Return the percentage of sequences whose labels are all right."""
    starts = np.cumsum(lengths) - lengths
    return 100.0 * np.logical_and.reduceat(labels == y, starts).mean()


def accuracies(emissions, transitions, y, lengths):
    """Return the percentages by width of the beam, and by exact search."""
    found = [
        whole(
            beam_search(emissions, transitions, k, lengths=lengths)[0][:, 0], y, lengths
        )
        for k in WIDTHS
    ]
    return [
        *found,
        whole(viterbi(emissions, transitions, lengths=lengths)[0], y, lengths),
    ]


def tagger(objective, train, test):
    """Return the accuracies and the seconds of a fit of the tagger."""
    begin = time.process_time()
    model = BeamSearchTagger(objective=objective, random_state=0)
    model.fit(train[0], train[1], sequence=sequence_from_lengths(train[2]))
    seconds = time.process_time() - begin
    emissions = model.decision_function(test[0])
    return accuracies(emissions, model.transitions_, test[1], test[2]), seconds


def tuned(loss, train, test):
    """Return the same of a loss at its best settings on held-out sequences."""
    X, y, lengths = train
    n_labels = y.max() + 1
    X, X_test = prepared(X, test[0])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    held = np.random.default_rng(1).permutation(len(lengths)) % 5 == 0
    fit_rows, _ = batch_rows(starts, np.flatnonzero(~held))
    held_rows, _ = batch_rows(starts, np.flatnonzero(held))
    best, choice = -1.0, None
    for (share, on_transitions), rate in itertools.product(PENALTIES, RATES):
        options = (n_labels, 5.0 * share, on_transitions, rate)
        model = adam(loss, X[fit_rows], y[fit_rows], lengths[~held], *options)
        labels, _ = beam_search(
            model.emissions(X[held_rows]), model.transitions, 4, lengths=lengths[held]
        )
        score = whole(labels[:, 0], y[held_rows], lengths[held])
        if score > best:
            best, choice = score, options
    begin = time.process_time()
    model = adam(loss, X, y, lengths, *choice)
    seconds = time.process_time() - begin
    emissions = model.emissions(X_test)
    return accuracies(emissions, model.transitions, test[1], test[2]), seconds


def by_perceptron(train, test):
    """Return the same of the structured perceptron."""
    X, y, lengths = train
    X, X_test = prepared(X, test[0])
    begin = time.process_time()
    model = perceptron(X, y, lengths, y.max() + 1)
    seconds = time.process_time() - begin
    emissions = model.emissions(X_test)
    return accuracies(emissions, model.transitions, test[1], test[2]), seconds


def by_crfsuite(seed, c2):
    """Return the accuracy of python-crfsuite: exact, of first order."""
    import pycrfsuite

    train, test = sentences(seed)
    begin = time.process_time()
    trainer = pycrfsuite.Trainer(verbose=False)
    for words, tags in train:
        trainer.append([list(row) for row in features(words)], tags)
    trainer.set_params({"c1": 0.0, "c2": c2})
    trainer.train("crfsuite.model")
    seconds = time.process_time() - begin
    model = pycrfsuite.Tagger()
    model.open("crfsuite.model")
    right = [
        model.tag([list(row) for row in features(words)]) == tags
        for words, tags in test
    ]
    Path("crfsuite.model").unlink()
    return [np.nan] * len(WIDTHS) + [100.0 * np.mean(right)], seconds


def line(name, results):
    """Print means and standard deviations over the runs."""
    scores = np.array([scores for scores, _ in results])
    cells = [
        " " * 9 if np.isnan(mean) else f"{mean:5.1f}±{sd:3.1f}"
        for mean, sd in zip(
            scores.mean(axis=0), scores.std(axis=0, ddof=1), strict=True
        )
    ]
    seconds = np.median([seconds for _, seconds in results])
    print(f"{name:34s} {' '.join(cells)} {seconds:8.2f}", flush=True)


def decode_time():
    """Return the seconds to decode 10 000 words of 8 letters, 26 labels, k = 4."""
    rng = np.random.default_rng(0)
    emissions = rng.normal(size=(10_000, 8, 26))
    transitions = rng.normal(size=(26, 26)), rng.normal(size=(26, 26, 26))
    begin = time.process_time()
    beam_search(emissions, transitions, 4)
    return time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["letters", "digits", "text"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--soft", action="store_true", help="the soft beam too (slow)")
    options = parser.parse_args()
    seeds = range(options.seeds)
    loaders = {
        "letters": lambda seed: letters(options.data, seed),
        "digits": digits,
        "text": text,
    }
    for name in options.sets:
        runs = [loaders[name](seed) for seed in seeds]
        (X, _, lengths), (_, _, test_lengths) = runs[0]
        print(
            f"\n{name}: {len(lengths)} training sequences, {len(test_lengths)} test "
            f"sequences, {X.shape[1]} features"
        )
        head = "".join(f"{f'k={k}':>10s}" for k in WIDTHS) + "   Viterbi"
        print(f"{'whole sequences right, %':33s}{head}    fit s")
        objectives = ["cross_entropy", "membership", "hinge"]
        for objective in objectives + ["soft"] * options.soft:
            line(f"tagger, {objective}", [tagger(objective, *run) for run in runs])
        line("exact CRF, tuned", [tuned(crf_loss, *run) for run in runs])
        line("perceptron, max violation, k=4", [by_perceptron(*run) for run in runs])
        line("local (MEMM), tuned", [tuned(local_loss, *run) for run in runs])
        if name == "text":
            try:
                for c2 in (0.1, 1.0):
                    results = [by_crfsuite(seed, c2) for seed in seeds]
                    line(f"python-crfsuite, order 1, c2={c2:g}", results)
            except ImportError:
                print("python-crfsuite is not installed.")
    print(
        f"\n10 000 words of 8 letters, 26 labels, k=4: {decode_time():.3f} s to decode"
    )


if __name__ == "__main__":
    main()
