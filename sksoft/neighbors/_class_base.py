# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What soft neighbours that vote for classes share."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from sksoft._parameters import class_weights, one_of, word_or
from sksoft._validation import real_array
from sksoft.neighbors._base import CHECKS, SoftNeighborsBase
from sksoft.neighbors._class_vote import ClassReader, ClassVote
from sksoft.neighbors._gaussians import gaussian_classes
from sksoft.neighbors._mixture import Mixture, likelihood_weights
from sksoft.neighbors._starts import discriminant_start

# How many times softer training selects where components are few.
SOFTER = 3.0
# Covariances of classes have no more entries than this.
LARGEST_RULES = 10_000_000

CLASS_CHECKS = CHECKS | {
    "loss": one_of("log", "linear"),
    "init": word_or(("auto", "identity", "pca", "lda"), real_array),
    "class_weight": class_weights,
}


class ClassNeighborsBase(SoftNeighborsBase):
    """An embedding in which soft neighbours are of the same class."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Add samples of a stream, and train anew when it has grown by half.

        Up to `reservoir_size` samples are kept as they come; of more, a random sample
        of so many, weighted so that it stands for all: half of the room is shared
        equally by the classes, and half by their frequencies. Every call brings the
        templates up to date. The embedding, its unit and the mixture of the votes are
        those of a :meth:`fit` to what was kept when the stream, or a class in it, had
        last grown by more than half.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More training samples.

        y : array-like of shape (n_samples,)
            Their classes.

        classes : array-like of shape (n_classes,), default=None
            All classes there will ever be, needed in the first call unless `fit` came
            before or the first samples show them all; later the same, or None.

        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, as for :meth:`fit`, in the same unit in all calls.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        reader = None
        if classes is not None:
            reader = ClassReader(np.unique(classes))
            if len(reader.classes) == 0:
                raise ValueError("classes must hold at least one class, got none.")
            before = getattr(self, "_fitted", None)
            if before is not None:
                before.plan.reader.check_same(reader.classes)
        return self._partial_fit(X, y, sample_weight, reader)

    def _reader(self, y, weight):
        check_classification_targets(y)
        return ClassReader(np.unique(y))

    def _renewed(self, reader, y, weight):
        return reader

    def _strata(self, reader, y):
        return reader.encode(y), len(reader.classes)

    def _judge(self, samples, reader, strength, around, queries):
        return ClassVote(samples.targets, len(reader.classes), self.loss)

    def _reweighted(self, samples, reader):
        if self.class_weight is None:
            return samples
        n_classes = len(reader.classes)
        sizes = np.bincount(samples.targets, samples.weight, n_classes)
        if isinstance(self.class_weight, str):
            of_class = 1.0 / np.maximum(sizes, np.finfo(float).tiny)
        else:
            given = self.class_weight
            of_class = [given.get(label, 1.0) for label in reader.classes.tolist()]
            of_class = np.array(of_class, dtype=np.float64)
        total = of_class @ sizes
        if not total > 0.0:
            raise ValueError(
                "class_weight must leave at least one sample a weight, got "
                f"{self.class_weight!r}."
            )
        # The total is as before: only ratios count.
        factor = (of_class * (samples.total_weight / total))[samples.targets]
        weight, own = factor, np.zeros(len(factor))
        if samples.weight is not None:
            weight, own = factor * samples.weight, factor * samples.own_weight
        return samples._replace(weight=weight, own_weight=own)

    def _softer(self, plan):
        # Where classes overlap for want of directions, what is near tells too little.
        n_components, n_features = plan.components(plan.origin).shape
        n_directions = min(n_features, len(plan.reader.classes) - 1)
        return SOFTER if n_components < n_directions else 1.0

    def _training_k(self, samples):
        # More neighbours than half of the others of a class cannot all be of it.
        sizes = np.bincount(samples.targets, samples.weight)
        most = np.maximum(np.floor((sizes - 1.0) / 2.0), 1.0)
        return np.minimum(float(self.n_neighbors), most)[samples.targets]

    def _score(self, outcomes, left_out, targets, queries):
        weight = None if left_out.weight is None else left_out.weight[queries]
        return np.average(outcomes.argmax(axis=1) == targets, weights=weight)

    def _mixing_weights(self, outcomes, held_out, samples, judge):
        n_classes = outcomes[0].shape[1]
        sizes = np.bincount(samples.targets, samples.weight, n_classes)
        prior = sizes / sizes.sum()
        each, targets = np.arange(len(held_out.X)), held_out.targets
        votes = [outcome[each, targets] for outcome in outcomes]
        likelihood = np.column_stack([*votes, prior[targets]])
        weights = likelihood_weights(likelihood, held_out.weight)
        return Mixture(weights, prior)

    def _rules(self, samples, spaces, vote):
        n_components = spaces[0].Z.shape[1]
        if len(spaces) == 1 or vote.n_classes * n_components**2 > LARGEST_RULES:
            return ()
        return gaussian_classes(
            spaces[1].Z, samples.targets, samples.weight, vote.n_classes
        )

    def _named_start(self, reader, n_components, n_features):
        few = n_components < min(n_features, len(reader.classes))
        if self.init == "auto" and few:
            return "lda"
        return super()._named_start(reader, n_components, n_features)

    def _supervised_start(self, samples, reader, n_components, unit):
        n_classes = len(reader.classes)
        if n_components > n_classes - 1:
            raise ValueError(
                f"init='lda' finds one direction fewer than there are classes, so "
                f"n_components must be at most {n_classes - 1}, got {n_components}. "
                "Set n_components, or init='pca'."
            )
        return discriminant_start(
            samples.X, samples.targets, samples.weight, n_classes, n_components
        )

    def _attributes(self, fitted, dtype):
        found = super()._attributes(fitted, dtype)
        return found | {"classes_": fitted.plan.reader.classes}
