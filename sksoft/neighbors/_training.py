# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How embeddings are trained, and how their votes are mixed, by the parameters."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._network import LinearPlusNetwork
from sksoft._optimize import Solution
from sksoft._validation import layer_sizes, real_array
from sksoft.neighbors._mixture import (
    LEAST_SAMPLES,
    dealt_out,
    n_copies,
)
from sksoft.neighbors._objective import (
    LeaveOneOut,
    Problem,
    Surroundings,
    selected_weight,
)
from sksoft.neighbors._selection import Mask, distance_unit, kth_distances
from sksoft.neighbors._solvers import Minibatches, by_lbfgs
from sksoft.neighbors._starts import given_start, identity_start, principal_start
from sksoft.neighbors._state import Embedding, Plan, Trial
from sksoft.neighbors._voters import Ballot, Space, Voters, indexed_space, voting_space

# learning_rate_init="auto" is this much over the square root of the number of inputs
# of the linear part; with hidden layers, the second number.
AUTO_RATE = 0.05
AUTO_RATE_HIDDEN = 0.005
# solver="auto" is L-BFGS up to so many samples.
LBFGS_SAMPLES = 2000
# n_templates="auto" is all of up to so many samples, and fewer of more.
ALL_TEMPLATES = 1500
SOME_TEMPLATES = 1000
# Leave-one-out scores, and the unit of distance, are estimated on so many samples, but
# look at no more pairs of samples than this for more than the last number.
SCORED_SAMPLES = 2000
SCORED_PAIRS = 100_000_000
SCORED_LEAST = 500
# How votes are mixed is told by samples that a training did not see: so many, but
# between one in three and one in four of all, and at most as many as in the last line.
HELD_OUT_LEAST = 100
HELD_OUT_OF = (3, 4)
HELD_OUT_MOST = 1000
# Squares are of use from so many samples on.
CURVED_SAMPLES = 250
# The embedding of squares is pulled to its start, that of the other, so much more.
CURVED = 4.0
# A mixed vote also asks so many times as many neighbours.
WIDE = 3


def is_auto(value):
    """Return whether a parameter, of any type, is "auto"."""
    return isinstance(value, str) and value == "auto"


class Training:
    """What estimators of soft neighbours do with their parameters to train.

    None of its methods changes the estimator.
    """

    # alpha="auto" is this much, times the number of features over that of samples.
    _auto_alpha = 0.03

    def _judge(self, samples, reader, strength, around, queries):
        """Return the vote that training improves."""
        raise NotImplementedError

    def _softer(self, plan):
        """Return how many times softer training selects than the vote."""
        return 1.0

    def _training_k(self, samples):
        """Return how many neighbours each sample selects in training."""
        return np.full(len(samples.X), float(self.n_neighbors))

    def _score(self, outcomes, leave_one_out, targets, queries):
        """Return the score of what the votes of queries came out as."""
        raise NotImplementedError

    def _mixing_weights(self, outcomes, held_out, samples, judge):
        """Return a mixture by what votes for samples held out came out as."""
        raise NotImplementedError

    def _rules(self, samples, spaces, vote):
        """Return what all samples say together, beside their votes."""
        return ()

    def _supervised_start(self, samples, reader, n_components, unit):
        """Return the start at directions that tell of the targets."""
        raise NotImplementedError

    def _hidden(self):
        return layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")

    def _check_start(self, n_features):
        """Check the parameters that depend on the number of features."""
        n_components = self.n_components or n_features
        if n_components > n_features:
            raise ValueError(
                f"n_components must be at most the number of features, {n_features}, "
                f"got {n_components}."
            )
        if isinstance(self.init, str):
            return
        init = real_array(self.init, "init")
        if init.shape != (n_components, n_features):
            raise ValueError(
                f"init must have shape {(n_components, n_features)}, got {init.shape}."
            )

    def _plan(self, samples, frame, reader, rng):
        n_features = samples.X.shape[1]
        n_components = self.n_components or n_features
        components, gain = self._start(samples, reader, n_components, frame.given_unit)
        model = LinearPlusNetwork(n_features, n_features, n_components, self._hidden())
        origin = model.start(components.T, rng)
        architecture = (self.n_components, self._hidden())
        return Plan(frame, reader, model, origin, gain, architecture)

    def _start(self, samples, reader, n_components, unit):
        if not isinstance(self.init, str):
            return given_start(self.init, unit)
        n_features = samples.X.shape[1]
        init = self._named_start(reader, n_components, n_features)
        if init == "identity":
            return identity_start(n_components, n_features, unit)
        if init == "pca":
            return principal_start(samples.X, samples.weight, n_components, unit)
        return self._supervised_start(samples, reader, n_components, unit)

    def _named_start(self, reader, n_components, n_features):
        """Return the name of the start that a name stands for."""
        if self.init != "auto":
            return self.init
        return "identity" if n_components == n_features else "pca"

    def _limit(self):
        """Return what candidates may weigh in total, None for no limit."""
        if is_auto(self.n_candidates):
            return 10 * self.n_neighbors + 10
        return self.n_candidates

    def _trial(self, plan, samples, start, rng, strengths=None):
        """Return a training of an embedding, which measures where it starts."""
        samples = samples.merged()
        queries = np.arange(len(samples.X))
        few = min(SCORED_SAMPLES, max(SCORED_LEAST, SCORED_PAIRS // len(queries)))
        if len(queries) > few:
            queries = np.sort(rng.choice(len(queries), few, replace=False))
        surroundings = self._surroundings(plan, samples, start, queries)
        around = surroundings.at(start)
        if strengths is None:
            strengths = tuple(
                self.regularization_strength
                * self._unit(around, many * self.n_neighbors, samples, queries)
                for many in self._multiples()
            )
        judge = self._judge(samples, plan.reader, strengths[0], around, queries)
        alpha = self.alpha
        if is_auto(alpha):
            alpha = self._auto_alpha * samples.X.shape[1] / samples.total_weight
        return Trial(plan, samples, start, judge, strengths, float(alpha), surroundings)

    def _mixes(self):
        """Return whether predictions are a mixture of votes."""
        return self.vote in ("mixed", "neighbors")

    def _multiples(self):
        """Return the numbers of neighbours that vote, over `n_neighbors`."""
        return (1, WIDE) if self._mixes() else (1,)

    def _surroundings(self, plan, samples, start, queries):
        """Return what the queries vote among, without themselves."""

        def embed(theta):
            return plan.embed(theta, samples.X)

        left_out = LeaveOneOut(samples, None, None, None, self._limit())
        return Surroundings(embed, left_out, queries, start)

    def _unit(self, around, k, samples, queries):
        """Return the median distance of queries to their neighbour number k."""
        reached, distances = [], []
        for found in around:
            some = float(min(k, found.places.shape[1]))
            if found.weight is not None:
                some = selected_weight(np.full(len(found.places), float(k)), found)
            reached.append(kth_distances(found.distances, found.weight, some))
            distances.append(found.distances)
        weight = None if samples.weight is None else samples.weight[queries]
        return distance_unit(np.concatenate(reached), distances, weight)

    def _vote_strength(self, strength):
        return 0.0 if self.vote == "hard" else strength

    def _loo_score(self, trial, theta):
        """Return the leave-one-out score of the vote of `n_neighbors`."""
        left_out = LeaveOneOut(
            trial.samples,
            trial.judge,
            Mask(self._vote_strength(trial.strengths[0]), self.regularization),
            np.full(len(trial.samples.X), float(self.n_neighbors)),
            None,
            self._trimmed_samples(),
        )
        queries = trial.surroundings.queries
        outcomes = left_out.outcomes(trial.surroundings.at(theta), queries)
        targets = trial.samples.targets[queries]
        return float(self._score(outcomes, left_out, targets, queries))

    def _trimmed_samples(self):
        """Return the share of the samples that the loss leaves out."""
        return 0.0

    def _problem(self, trial):
        leave_one_out = LeaveOneOut(
            trial.samples,
            trial.judge,
            Mask(self._softer(trial.plan) * trial.strengths[0], self.regularization),
            self._training_k(trial.samples),
            self._limit(),
            self._trimmed_samples(),
        )
        X = trial.plan.inputs(trial.samples.X)
        surroundings = trial.surroundings
        if len(surroundings.queries) < len(X):
            surroundings = None
        return Problem(
            trial.plan.model, X, leave_one_out, trial.alpha, trial.start, surroundings
        )

    def _minibatches(self, problem, rng):
        n_samples, n_features = problem.X.shape
        batch_size = self.batch_size
        if is_auto(batch_size):
            batch_size = int(np.clip(n_samples // 12, 32, 256))
        rate = self.learning_rate_init
        if is_auto(rate):
            rate = AUTO_RATE_HIDDEN if self._hidden() else AUTO_RATE / n_features**0.5
        n_templates = self.n_templates
        if is_auto(n_templates):
            n_templates = None if n_samples <= ALL_TEMPLATES else SOME_TEMPLATES
        dropout = self.dropout if self._hidden() else 0.0
        return Minibatches(batch_size, n_templates, rate, dropout, rng)

    def _minimize(self, trial, rng, progress=None, attributes=None, stage="whole"):
        """Return where a training arrives; the stages of a mixed vote are shorter."""
        max_iter = None if is_auto(self.max_iter) else self.max_iter
        if max_iter == 0 or trial.strengths[0] == 0.0:
            # A hard mask has no gradient: nothing can be learnt.
            return Solution(x=trial.start, value=np.nan)
        solver = self.solver
        if solver == "auto":
            small = len(trial.samples.X) <= LBFGS_SAMPLES and not self._hidden()
            solver = "lbfgs" if small else "adam"
        options = {
            "max_iter": max_iter,
            "tol": self.tol,
            "progress": progress,
            "attributes": attributes,
        }
        problem = self._problem(trial)
        if solver == "lbfgs":
            return by_lbfgs(problem, trial.start, stage=stage, **options)
        batches = self._minibatches(problem, rng)
        return batches.minimize(problem, trial.start, stage=stage, **options)

    def _guarded(self, trial, solution):
        """Return the embedding to keep, never worse than the start, and its score."""
        if solution.x is trial.start:
            return trial.start, self._loo_score(trial, trial.start)
        before = self._loo_score(trial, trial.start)
        after = self._loo_score(trial, solution.x)
        name = type(self).__name__
        if self.verbose:
            print(
                f"[{name}] {solution.n_iter} iterations, leave-one-out score "
                f"{before:.4f} at the start, {after:.4f} at the end"
            )
        if after >= before:
            return solution.x, after
        warnings.warn(
            f"{name} keeps the embedding it started from, for training lowered the "
            f"leave-one-out score from {before:.4g} to {after:.4g}. Standardise the "
            "features, or try another max_iter, alpha, n_components or init.",
            ConvergenceWarning,
            stacklevel=3,
        )
        return trial.start, before

    def _ballots(self, strengths, n_spaces):
        """Return the votes that predictions may mix."""
        k = float(self.n_neighbors)
        if not self._mixes():
            return [Ballot(0, k, self._vote_strength(strengths[0]))]
        near, wide = strengths
        ballots = [
            Ballot(0, k, near),
            Ballot(0, WIDE * k, wide),
            Ballot(1, WIDE * k, wide),
            Ballot(2, k, near),
            Ballot(2, WIDE * k, wide),
        ]
        if n_spaces == 1:
            return ballots[:1]
        return [ballot for ballot in ballots if ballot.space < n_spaces]

    def _spaces(self, embeddings, samples):
        """Return samples as templates in each of some embeddings."""
        spaces = []
        for embedding in embeddings:
            Z = embedding.place(samples.X)
            if np.array_equal(Z, samples.X):
                # At an identity start samples need not be held twice.
                Z = samples.X
            # Neighbours are asked for in the first one.
            space = voting_space if spaces else indexed_space
            spaces.append(space(Z, self.n_neighbors, self.n_jobs))
        return spaces

    def _voters(self, trial, spaces, samples):
        """Return samples as templates in each of some spaces, and their ballots."""
        vote = trial.judge.of(samples.targets)
        rules = self._rules(samples, spaces, vote) if self.vote == "mixed" else ()
        return Voters(
            samples,
            vote,
            spaces,
            self._ballots(trial.strengths, len(spaces)),
            self.regularization,
            self._limit(),
            rules,
        )

    def _held_out(self, samples):
        """Return samples that tell how votes are mixed, or None, and the others."""
        n_samples = n_copies(samples).sum()
        if not self._mixes() or n_samples < LEAST_SAMPLES:
            return None, samples
        every = np.clip(n_samples / HELD_OUT_LEAST, *HELD_OUT_OF)
        every = max(int(every), int(np.ceil(n_samples / HELD_OUT_MOST)))
        return dealt_out(samples, every)

    def _held_out_votes(self, trial, embeddings, others):
        """Return what the samples of a trial vote for others."""
        X = trial.samples.X
        # They vote once, and for few.
        spaces = [Space(embedding.place(X), None) for embedding in embeddings]
        voters = self._voters(trial, spaces, trial.samples)
        return voters.outcomes([embedding.place(others.X) for embedding in embeddings])

    def _curved(self, trial, rng):
        """Return an embedding of features and squares, trained on the same samples."""
        plan = trial.plan
        linear = plan.model.unpack(plan.origin)[0]
        n_features, n_components = linear.shape
        n_inputs = 2 * n_features
        model = LinearPlusNetwork(n_inputs, n_inputs, n_components, ())
        origin = model.start(np.vstack([linear, np.zeros_like(linear)]), rng)
        plan = plan._replace(model=model, origin=origin, curved=True)
        X = trial.samples.X
        trial = trial._replace(
            plan=plan,
            start=origin,
            alpha=CURVED * trial.alpha,
            surroundings=trial.surroundings.elsewhere(
                lambda theta: plan.embed(theta, X), origin
            ),
        )
        return Embedding(plan, self._minimize(trial, rng, stage="curved").x)

    def _plan_of_part(self, plan, samples):
        """Return a plan that knows the targets of some samples alone."""
        if not isinstance(self.init, str):
            return plan
        n_components, n_features = plan.components(plan.origin).shape
        name = self._named_start(plan.reader, n_components, n_features)
        if name in ("identity", "pca"):
            return plan
        unit = plan.frame.given_unit
        start = self._supervised_start(samples, plan.reader, n_components, unit)
        origin = plan.origin.copy()
        plan.model.unpack(origin)[0][...] = start.components.T
        return plan._replace(origin=origin)
