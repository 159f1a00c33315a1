# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What scikit-learn's callbacks are shown of rankers and soft neighbours."""

import numpy as np
import pytest

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)
from sksoft.ranking import SoftLabelRanker, SoftNDCGRanker, TopKLogisticRegression

pytest.importorskip("sklearn.callback")


class Stopper:
    """Ask to stop after the second iteration, and look at the model then."""

    def __init__(self, output):
        self.output = output
        self.shown = []
        self.metadata = None

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, metadata, fitted_estimator):
        if context.task_name != "iteration" or fitted_estimator is None:
            return False
        self.metadata = metadata
        self.shown.append(getattr(fitted_estimator, self.output)(X))
        return len(self.shown) == 2

    def teardown(self, estimator, context):
        pass


OUTPUTS = {
    SoftLabelRanker: "decision_function",
    SoftNDCGRanker: "predict",
    SoftKNeighborsClassifier: "predict_proba",
    SoftKNeighborsRegressor: "predict",
    SoftNeighborhoodComponents: "transform",
    TopKLogisticRegression: "decision_function",
}
# All but the last may have hidden layers.
CASES = [(*case, hidden) for hidden in ((), (4,)) for case in OUTPUTS.items()][:-1]


@pytest.mark.parametrize(("estimator", "output", "hidden"), CASES)
def test_callbacks_are_shown_models_that_predict(estimator, output, hidden):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)) * [1.0, 3.0, 0.1, 1.0]
    grades = np.digitize(X[:, 0] + X[:, 2] + 0.3 * rng.normal(size=120), [-0.5, 0.5])
    y = X[:, :3].argsort(axis=1).argsort(axis=1) + 1
    y = y if estimator is SoftLabelRanker else grades
    options = {"k": 1} if estimator is TopKLogisticRegression else {"random_state": 0}
    if hidden:
        options["hidden_layer_sizes"] = hidden
    qid = np.arange(120) // 6
    metadata = {"qid": qid} if estimator is SoftNDCGRanker else {}
    stopper = Stopper(output)
    model = estimator(tol=1e-9, **options).set_callbacks(stopper)
    model.fit(X, y, **metadata)
    assert len(stopper.shown) == model.n_iter_ == 2
    assert np.ptp(stopper.shown[1] - stopper.shown[0]) > 0.0
    np.testing.assert_allclose(stopper.shown[1], getattr(model, output)(X), rtol=1e-9)
    assert (stopper.metadata or {}).keys() == metadata.keys()
    for name, value in metadata.items():
        np.testing.assert_array_equal(stopper.metadata[name], value)
