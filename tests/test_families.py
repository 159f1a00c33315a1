# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What estimators of a kind share: tables of parameters, methods, words."""

import inspect

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn import linear_model, neighbors, preprocessing
from sklearn.neural_network import MLPClassifier
from test_common import public_estimators

from sksoft import linear_model as robust
from sksoft import neighbors as soft
from sksoft import preprocessing as columns
from sksoft import ranking, sequence
from sksoft._parameters import anything, check_parameters

ESTIMATORS = [*public_estimators(), ranking.SoftNDCGRanker]
# The estimator of scikit-learn that each is nearest to.
RELATIVES = {
    sequence.BeamSearchTagger: MLPClassifier,
    robust.LeastTrimmedAbsoluteRegressor: linear_model.HuberRegressor,
    robust.LeastTrimmedSquaresRegressor: linear_model.HuberRegressor,
    robust.MedianOfMeansRegressor: linear_model.HuberRegressor,
    robust.TrimmedLogisticRegression: linear_model.LogisticRegression,
    ranking.SoftLabelRanker: linear_model.Ridge,
    ranking.SoftNDCGRanker: linear_model.Ridge,
    ranking.TopKLogisticRegression: linear_model.LogisticRegression,
    soft.SoftKNeighborsClassifier: neighbors.KNeighborsClassifier,
    soft.SoftKNeighborsRegressor: neighbors.KNeighborsRegressor,
    soft.SoftNeighborhoodComponents: neighbors.NeighborhoodComponentsAnalysis,
    columns.QuantileNormalizer: preprocessing.Normalizer,
    columns.SoftQuantileTransformer: preprocessing.QuantileTransformer,
    columns.SoftRankTransformer: preprocessing.QuantileTransformer,
}
# What scikit-learn's parameter is for, where ours has no such thing.
NOT_OURS = {
    "algorithm": "all neighbours are found by distances to blocks of rows",
    "leaf_size": "the same",
    "metric": "the distance is that of the learnt embedding",
    "metric_params": "the same",
    "p": "the same",
    "radius": "neighbours are counted",
    "weights": "the soft mask weighs the neighbours",
    "copy": "the input is never changed",
    "copy_X": "the input is never changed",
    "dual": "one solver, L-BFGS",
    "solver": "one solver, L-BFGS",
    "intercept_scaling": "of liblinear, a solver that we have not",
    "l1_ratio": "penalties are squared",
    "penalty": "penalties are squared",
    "multi_class": "of scikit-learn < 1.8: losses are multinomial",
    "n_jobs": "one problem, solved at once",
    "positive": "coefficients have any sign",
    "epsilon": "of Huber's loss",
    "ignore_implicit_zeros": "of sparse features, which are refused",
    "subsample": "all rows are used",
    "n_quantiles": "all values are kept where there is no such parameter",
    "norm": "of Normalizer",
    "callback": "scikit-learn's callbacks",
    "activation": "of hidden layers, which the tagger has not",
    "hidden_layer_sizes": "the same",
}
# What one of ours lacks though others have it, and why.
LACKS = {
    robust.MedianOfMeansRegressor: {"alpha": "the blocks are the only regularisation"},
    ranking.SoftNDCGRanker: {"fit_intercept": "an order does not know one"},
    robust.TrimmedLogisticRegression: {"random_state": "nothing is drawn"},
    ranking.TopKLogisticRegression: {"random_state": "nothing is drawn"},
    columns.SoftRankTransformer: {"random_state": "nothing is drawn"},
    columns.SoftQuantileTransformer: {"random_state": "nothing is drawn"},
}
# Methods that ours lack, and why.
METHODS = {
    "densify": "coefficients are dense",
    "sparsify": "coefficients are dense",
}
# Stochastic gradients of MLPClassifier that the tagger's few epochs do without.
SGD = (
    "beta_1 beta_2 early_stopping epsilon learning_rate_init max_fun momentum "
    "n_iter_no_change nesterovs_momentum power_t shuffle solver tol "
    "validation_fraction warm_start"
).split()


def parameters(estimator):
    return set(inspect.signature(estimator).parameters)


def methods(estimator):
    return {
        name
        for name in dir(estimator)
        if not name.startswith(("_", "set_"))
        and callable(getattr(estimator, name, None))
    }


def test_every_public_estimator_has_a_relative():
    assert set(RELATIVES) == set(ESTIMATORS)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_table_of_parameters_is_the_signature(estimator):
    assert set(estimator._parameter_checks) == parameters(estimator)
    check_parameters(estimator())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_checked(estimator):
    for name, check in estimator._parameter_checks.items():
        if check is not anything:
            with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
                check_parameters(estimator(**{name: object()}))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_of_the_relative_are_there_or_explained(estimator):
    lacking = parameters(RELATIVES[estimator]) - parameters(estimator)
    reasons = LACKS.get(estimator, {})
    assert not set(reasons) & parameters(estimator)
    if estimator is sequence.BeamSearchTagger:
        lacking -= set(SGD)
    assert lacking - set(NOT_OURS) <= set(reasons)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_methods_of_the_relative_are_there(estimator):
    lacking = methods(RELATIVES[estimator]) - methods(estimator) - set(METHODS)
    if estimator is sequence.BeamSearchTagger:
        # Probabilities are those of whole sequences: predict_beam gives them.
        lacking -= {"partial_fit", "predict_log_proba", "predict_proba"}
    assert lacking == set()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_iterative_estimators_have_the_same_controls(estimator):
    names = parameters(estimator)
    if "max_iter" in names:
        assert {"verbose"} <= names
        assert {"warm_start", "tol"} <= names or estimator is sequence.BeamSearchTagger
    assert "sample_weight" in inspect.signature(estimator.fit).parameters


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_ids_of_rows_are_passed_by_name(estimator):
    ids = {"qid", "sequence", "classes"}
    for method in ("fit", "score", "predict", "partial_fit"):
        if hasattr(estimator, method):
            for name, parameter in inspect.signature(
                getattr(estimator, method)
            ).parameters.items():
                if name in ids - {"classes"}:
                    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


# How the description of a parameter begins, in whichever estimator.
WORDS = {
    "C": "Inverse of the penalty of the squared coefficients, positive",
    "class_weight": "Weights of the classes, as in",
    "fit_intercept": "Whether the model has an intercept",
    "max_iter": ("Largest number of iterations", "Largest number of epochs"),
    "random_state": "Draws ",
    "verbose": (
        "Whether the loss of each iteration is printed",
        "Whether the loss of each epoch is printed",
    ),
    "warm_start": "Whether :meth:`fit` goes on from the solution of the last one",
}
TYPES = {
    # Rankers choose their penalties.
    "C": ("float, default=1.0", 'float or "auto", default="auto"'),
    "class_weight": 'dict, "balanced" or None, default=None',
    "fit_intercept": "bool, default=True",
    "random_state": "int, RandomState instance or None, default=None",
    "verbose": "int, default=0",
    "warm_start": "bool, default=False",
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shared_parameters_are_described_in_the_same_words(estimator):
    described = {p.name: p for p in ClassDoc(estimator)["Parameters"]}
    for name in set(WORDS) & set(described):
        text = " ".join(line.strip() for line in described[name].desc)
        assert text.startswith(WORDS[name]), (name, text)
        if name in TYPES:
            types = TYPES[name]
            types = (types,) if isinstance(types, str) else types
            assert described[name].type in types, name


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sample_weights_say_which_meaning_holds(estimator):
    (text,) = (
        " ".join(line.strip() for line in p.desc)
        for p in FunctionDoc(estimator.fit)["Parameters"]
        if p.name == "sample_weight"
    )
    counted = "brought to mean one" in text or "only the ratios count" in text
    multiplied = "multiply" in text
    assert counted != multiplied, text
    assert text.startswith("Non-negative weights")
