# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Least trimmed squares, hard and soft."""

from sksoft.linear_model._trimmed_regressor import TrimmedRegressor


class LeastTrimmedSquaresRegressor(TrimmedRegressor):
    """Linear regression on the rows that fit best, deaf to the others.

    Least trimmed squares finds the coefficients whose ``h`` smallest squared residuals
    have the least sum; nearly half of the rows may be wrong in any way. Here the
    choice of rows is soft: the rows receive weights between 0 and 1,

    ``min over coef and 0 <= w <= 1, sum(w) = h, of sum(w r^2 + epsilon / 2 w^2)``,

    which uses more of the good rows and is still deaf to rows far away: their weight
    is exactly 0, so the breakdown point is that of the hard choice.

    Parameters
    ----------
    trim_fraction : "auto" or float, default="auto"
        Share of the rows dropped, in [0, 0.5]. ``"auto"`` drops as many as the fit can
        tell apart: ``h = (n_samples + n_parameters + 1) // 2`` rows are kept, never
        fewer. Users of R's ``ltsReg`` know ``1 - trim_fraction`` as ``alpha``.

    regularization_strength : float, default=3.0
        Softness, free of units: ``epsilon`` is this times the squared scale of the
        errors. 0 is hard least trimmed squares, infinity ordinary least squares.

    formulation : {"mask", "sort"}, default="mask"
        "mask" weights the rows as above. "sort" sums the ``h`` smallest soft-sorted
        squares, as Blondel et al. do; the soft sort mixes the farthest rows first, so
        that at any strength large enough to matter one far row spoils the fit. Its
        strength is divided by ``n_samples`` times the squared scale, and its
        `sample_weight` must be whole numbers.

    regularization : {"l2", "entropic"}, default="l2"
        Regularization of the mask or of the sort. With the entropic mask no weight is
        exactly 0; it falls exponentially with the squared residual.

    alpha : float, default=0.0
        Ridge penalty on ``coef_``, as in :class:`sklearn.linear_model.Ridge`.

    reweight : bool, default=True
        Whether to finish by an MM-step: an M-estimate with Tukey's bisquare function
        that begins at the trimmed fit and its scale, efficient on clean rows and as
        robust. Rows of high leverage weigh less where they are worse than the others;
        for sparse features, which have no robust scatter, this is left out. With more
        than one coefficient for 10 rows, it begins at least squares instead unless the
        rows that it drops are significantly wrong: some coefficients fit most of few
        rows by chance. At infinite strength there is nothing robust to begin at, and no
        such step.

    efficiency : float, default=0.95
        Efficiency of the MM-step at normal errors, in [0.3, 1). Less is more robust
        against small errors: at 0.95 rows whose residuals exceed 4.7 scales have no
        weight, at 0.85 those beyond 3.4.

    starts : {"auto", "deterministic", "random", "ols"} or array-like of shape \
            (n_starts, n_features + 1), default="auto"
        Where the search begins: from robust correlations and splits of the rows, from
        fits to small random subsets, from both, from ordinary least squares (not
        robust), or from given coefficients, intercept last.

    n_starts : int, default=500
        Number of random subsets.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=100
        Largest number of iterations on the soft objective.

    tol : float, default=1e-6
        Tolerance on the gradient of the soft objective.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one: its coefficients
        are one more start.

    random_state : int, RandomState instance or None, default=None
        Draws the random subsets.

    verbose : int, default=0
        Whether the loss of each iteration is printed, and how the search
        went.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.

    scale_ : float or ndarray of shape (n_targets,)
        Standard deviation of the errors of the good rows, if these are normal.

    regularization_strength_ : float or ndarray of shape (n_targets,)
        Absolute strength ``epsilon``, in the units of the losses; with the sort, in
        their inverse.

    sample_weights_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weight of each row in the fit that ``coef_`` comes from, between 0 and 1: in the
        MM-step, or in the trimmed fit without ``reweight``. Rows of `sample_weight` 0
        have the weight that their residuals would have. A lazy Dask array if the rows
        are a Dask collection.

    outlier_threshold_ : float or ndarray of shape (n_targets,)
        Size of the residual that halves the weight of a row in the MM-step, some 2.5
        times ``scale_``; that of rounding errors if the fit is exact.

    outlier_mask_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Whether the residual of a row exceeds ``outlier_threshold_``. A lazy Dask array
        if the rows are a Dask collection.

    objective_ : float or ndarray of shape (n_targets,)
        Objective of the trimmed fit, with ``w - h / n_samples`` for ``w`` in the
        penalty; the sum of the smallest squared residuals at strength 0.

    breakdown_point_ : float
        Smallest share of wrong rows, by weight, that can spoil the fit; NaN if
        ``starts`` are not known to be robust.

    n_starts_at_optimum_ : int or ndarray of shape (n_targets,)
        How many of the 10 best candidates ended at the fit.

    standard_errors_ : ndarray of shape (n_parameters,) or (n_targets, n_parameters)
        Standard errors of the coefficients and, last, of the intercept, for errors
        that are independent of the features. 0 for a coefficient that is 0 because no
        row tells it, as that of a constant feature; NaN where there are no more rows
        than coefficients.

    loss_curve_ : list of float or list of lists
        Soft objective at each iteration.

    n_iter_ : int
        Number of iterations on the soft objective.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if they have names.

    See Also
    --------
    sklearn.linear_model.HuberRegressor : Robust to errors of the target only.
    sklearn.linear_model.RANSACRegressor : Random consensus; needs a threshold.

    Notes
    -----
    The fit is a local optimum, the best that the starts lead to; the global one is out
    of reach for any method of reasonable cost. Contamination beyond
    ``breakdown_point_`` defeats any trimming.

    References
    ----------
    .. [1] P. J. Rousseeuw and K. Van Driessen (2006). Computing LTS regression for
       large data sets. Data Mining and Knowledge Discovery 12, 29-45.
    .. [2] M. Blondel, O. Teboul, Q. Berthet and J. Djolonga (2020). Fast
       differentiable sorting and ranking. ICML.
    .. [3] V. J. Yohai (1987). High breakdown-point and high efficiency robust estimates
       for regression. The Annals of Statistics 15(2), 642-656.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.linear_model import LeastTrimmedSquaresRegressor
    >>> X = np.arange(20.0)[:, np.newaxis]
    >>> y = 3 * X.ravel() + 1
    >>> y[:6] = 100
    >>> reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    >>> reg.coef_.round(6), round(float(reg.intercept_), 6)
    (array([3.]), 1.0)
    >>> int(reg.outlier_mask_.sum())
    6
    """

    _power = 2


class LeastTrimmedAbsoluteRegressor(TrimmedRegressor):
    """Least absolute deviations on the rows that fit best, deaf to the others.

    As :class:`LeastTrimmedSquaresRegressor` with absolute instead of squared residuals,

    ``min over coef and 0 <= w <= 1, sum(w) = h, of sum(w abs(r) + epsilon / 2 w^2)``,

    for good rows whose own errors have long tails. It is a class of its own, not a
    loss parameter, since trimmed squares would be a wrong name for it.

    Parameters
    ----------
    trim_fraction : "auto" or float, default="auto"
        Share of the rows dropped, in [0, 0.5]. ``"auto"`` drops as many as the fit can
        tell apart: ``h = (n_samples + n_parameters + 1) // 2`` rows are kept, never
        fewer. Users of R's ``ltsReg`` know ``1 - trim_fraction`` as ``alpha``.

    regularization_strength : float, default=3.0
        Softness, free of units: ``epsilon`` is this times the scale of the
        errors. 0 is hard trimming, infinity least absolute deviations.

    formulation : {"mask", "sort"}, default="mask"
        "mask" weights the rows as above. "sort" sums the ``h`` smallest soft-sorted
        losses; it is not robust, see :class:`LeastTrimmedSquaresRegressor`.

    regularization : {"l2", "entropic"}, default="l2"
        Regularization of the mask or of the sort. With the entropic mask no weight is
        exactly 0; it falls exponentially with the absolute residual.

    alpha : float, default=0.0
        Ridge penalty on ``coef_``.

    reweight : bool, default=True
        Whether to finish by an MM-step: an M-estimate with Tukey's bisquare function
        that begins at the trimmed fit and its scale, efficient on clean rows and as
        robust. Rows of high leverage weigh less where they are worse than the others;
        for sparse features, which have no robust scatter, this is left out. With more
        than one coefficient for 10 rows, it begins at least squares instead unless the
        rows that it drops are significantly wrong: some coefficients fit most of few
        rows by chance. At infinite strength there is nothing robust to begin at, and no
        such step.

    efficiency : float, default=0.95
        Efficiency of the MM-step at normal errors, in [0.3, 1). Less is more robust
        against small errors: at 0.95 rows whose residuals exceed 4.7 scales have no
        weight, at 0.85 those beyond 3.4.

    starts : {"auto", "deterministic", "random", "ols"} or array-like of shape \
            (n_starts, n_features + 1), default="auto"
        Where the search begins: from robust correlations and splits of the rows, from
        fits to small random subsets, from both, from ordinary least squares (not
        robust), or from given coefficients, intercept last.

    n_starts : int, default=500
        Number of random subsets.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=100
        Largest number of iterations on the soft objective.

    tol : float, default=1e-6
        Tolerance on the gradient of the soft objective.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one: its coefficients
        are one more start.

    random_state : int, RandomState instance or None, default=None
        Draws the random subsets.

    verbose : int, default=0
        Whether the loss of each iteration is printed, and how the search
        went.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.

    scale_ : float or ndarray of shape (n_targets,)
        Standard deviation of the errors of the good rows, if these are normal.

    regularization_strength_ : float or ndarray of shape (n_targets,)
        Absolute strength ``epsilon``, in the units of the losses; with the sort, in
        their inverse.

    sample_weights_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weight of each row in the fit that ``coef_`` comes from, between 0 and 1: in the
        MM-step, or in the trimmed fit without ``reweight``. Rows of `sample_weight` 0
        have the weight that their residuals would have. A lazy Dask array if the rows
        are a Dask collection.

    outlier_threshold_ : float or ndarray of shape (n_targets,)
        Size of the residual that halves the weight of a row in the MM-step, some 2.5
        times ``scale_``; that of rounding errors if the fit is exact.

    outlier_mask_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Whether the residual of a row exceeds ``outlier_threshold_``. A lazy Dask array
        if the rows are a Dask collection.

    objective_ : float or ndarray of shape (n_targets,)
        Objective of the trimmed fit; the sum of the smallest absolute residuals,
        rounded off near 0, if ``regularization_strength`` is 0.

    breakdown_point_ : float
        Smallest share of wrong rows, by weight, that can spoil the fit; NaN if
        ``starts`` are not known to be robust.

    n_starts_at_optimum_ : int or ndarray of shape (n_targets,)
        How many of the 10 best candidates ended at the fit.

    standard_errors_ : ndarray of shape (n_parameters,) or (n_targets, n_parameters)
        Standard errors of the coefficients and, last, of the intercept, for errors
        that are independent of the features. 0 for a coefficient that is 0 because no
        row tells it, as that of a constant feature; NaN where there are no more rows
        than coefficients.

    loss_curve_ : list of float or list of lists
        Soft objective at each iteration.

    n_iter_ : int
        Number of iterations on the soft objective.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if they have names.

    See Also
    --------
    LeastTrimmedSquaresRegressor : More precise for normal errors.
    sklearn.linear_model.QuantileRegressor : Without trimming.

    Notes
    -----
    The search for the good rows is that of least trimmed squares. Absolute values are
    rounded off within 2 % of the scale of the errors.

    References
    ----------
    .. [1] D. M. Hawkins and D. J. Olive (1999). Applications and algorithms for least
       trimmed sum of absolute deviations regression. Computational Statistics & Data
       Analysis 32(2), 119-134.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.linear_model import LeastTrimmedAbsoluteRegressor
    >>> X = np.arange(20.0)[:, np.newaxis]
    >>> y = 3 * X.ravel() + 1
    >>> y[:6] = 100
    >>> reg = LeastTrimmedAbsoluteRegressor(random_state=0).fit(X, y)
    >>> reg.coef_.round(6), round(float(reg.intercept_), 6)
    (array([3.]), 1.0)
    """

    _power = 1
