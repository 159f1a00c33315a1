# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random calls of every operator and loss, and what must hold for each of them.

A case follows from its seed alone. The suite checks a few hundred of them, and
``tools/fuzz.py`` as many as there is time for.
"""

import warnings
from dataclasses import dataclass

import numpy as np

import sksoft
from sksoft import _threads, losses

# The methods of each operator; what it needs besides follows in `arguments`.
RANK_METHODS = [
    {"regularization": "l2"},
    {"regularization": "kl"},
    {"regularization": "entropic"},
    {"method": "sinkhorn"},
    {"method": "logistic"},
    {"method": "gaussian"},
    {"method": "laplace"},
]
SORT_METHODS = [
    {"regularization": "l2"},
    {"regularization": "entropic"},
    {"method": "sinkhorn"},
    {"method": "neuralsort"},
    {"method": "softsort"},
    {"method": "laplace"},
]
MATRIX_METHODS = [
    {"method": "sinkhorn"},
    {"method": "neuralsort"},
    {"method": "softsort"},
]
MASK_METHODS = [
    {"method": "sinkhorn"},
    {"method": "permutahedron", "regularization": "l2"},
    {"method": "permutahedron", "regularization": "l3/2"},
    {"method": "permutahedron", "regularization": "l4/3"},
    {"method": "laplace"},
]
BAND_METHODS = [
    {"method": "permutahedron"},
    {"method": "sinkhorn"},
    {"method": "laplace"},
]
LAW_METHODS = [{"method": "logistic"}, {"method": "gaussian"}, {"method": "laplace"}]
OPERATORS = {
    "soft_rank": RANK_METHODS,
    "soft_sort": SORT_METHODS,
    "soft_permutation": MATRIX_METHODS,
    "rank_distribution": [{"exact": True}, {"exact": False}],
    "soft_topk": MASK_METHODS,
    "soft_topk_sorted": [{}],
    "soft_quantile": BAND_METHODS,
    "superquantile": BAND_METHODS,
    "soft_median": BAND_METHODS,
    "soft_trimmed_mean": BAND_METHODS,
    "soft_median_of_means": BAND_METHODS,
    "soft_ecdf": LAW_METHODS,
    "soft_quantile_normalize": RANK_METHODS,
    "soft_spearmanr": RANK_METHODS,
    "soft_isotonic": [{"regularization": "l2"}, {"regularization": "entropic"}],
    "squash": [{}],
}
# Where the output has the axis of x, where it has two of its own, and where none.
MATRICES = ("soft_permutation", "rank_distribution", "soft_topk_sorted")
STATISTICS = (
    "soft_quantile",
    "superquantile",
    "soft_median",
    "soft_trimmed_mean",
    "soft_median_of_means",
    "soft_spearmanr",
)
NEED_ENTRIES = (
    "soft_quantile",
    "superquantile",
    "soft_median",
    "soft_trimmed_mean",
    "soft_median_of_means",
    "soft_ecdf",
)
BANDS = ("soft_quantile", "superquantile", "soft_median", "soft_trimmed_mean")
LIST_LOSSES = {
    "soft_spearman_loss": [{}, {"method": "logistic"}, {"regularization": "kl"}],
    "fenchel_young_rank_loss": [{}, {"regularization": "kl"}],
    "soft_kendall_loss": [{}],
    "soft_ndcg_loss": [{}, {"method": "permutahedron", "k": 2}, {"gain": "linear"}],
    "softrank_ndcg_loss": [{}, {"exact": True, "k": 2}],
    "listnet_loss": [{}],
    "pairwise_logistic_loss": [{}, {"pair_weights": "ndcg", "k": 2}],
    "soft_auc_loss": [{}, {"method": "logistic"}],
    "soft_average_precision_loss": [{}, {"method": "gaussian"}],
}
LABEL_LOSSES = {
    "topk_ranking_loss": [{}, {"method": "logistic"}, {"regularization": "kl"}],
    "topk_cross_entropy_loss": [{}],
    "smooth_topk_svm_loss": [{}],
}
# Drawn by fuzzing_sequences: nothing passed to it has one score per entry of a row.
OTHER_LOSSES = ("beam_loss",)


@dataclass
class Case:
    """A call: a function, its arguments, and what it can be differentiated in."""

    seed: int
    name: str
    args: dict
    axis: int = -1
    wrt: tuple = ("x",)
    layout: str = "C"

    @property
    def is_loss(self):
        """Whether a loss is called, which returns its gradient itself."""
        return hasattr(losses, self.name)

    def snippet(self):
        """Return a program that makes the call."""
        lines = ["import numpy as np", "import sksoft", ""]
        for name, value in self.args.items():
            if isinstance(value, np.ndarray):
                shown = f"np.array({value.tolist()!r}, dtype=np.{value.dtype})"
                shown = shown.replace("inf", "np.inf").replace("nan", "np.nan")
                if 0 in value.shape:
                    shown = f"np.zeros({value.shape}, dtype=np.{value.dtype})"
                lines.append(f"{name} = {shown}")
        given = [
            f"{name}={name if isinstance(value, np.ndarray) else repr(value)}"
            for name, value in self.args.items()
        ]
        if self.is_loss:
            lines.append(f"print(sksoft.losses.{self.name}({', '.join(given)}))")
        else:
            first, rest = given[0].partition("=")[2], ", ".join(given[1:])
            lines += [
                f"# axis={self.axis}, memory layout {self.layout}",
                f"value, pullback = sksoft.vjp(sksoft.{self.name}, {first}, "
                f"wrt={self.wrt}, {rest})",
                "print(value, *pullback(np.ones_like(value)), sep='\\n')",
            ]
        return "\n".join(lines)


def draw(seed):
    """Return the case of a seed."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.2:
        return _loss_case(seed, rng)
    name = str(rng.choice(list(OPERATORS)))
    methods = OPERATORS[name]
    params = dict(methods[rng.integers(len(methods))])
    heavy = name in MATRICES or params.get("method") == "sinkhorn"
    shape = _shape(rng, 14 if heavy else 90, name in NEED_ENTRIES)
    dtype = rng.choice(
        [np.float64, np.float32, np.int64, np.bool_], p=[0.7, 0.2, 0.05, 0.05]
    )
    x, scale = draw_values(rng, shape, dtype)
    wrt = ["x"]
    _add_strength(rng, name, params, wrt, shape[:-1], scale)
    _add_arguments(rng, name, params, wrt, shape, scale)
    axis = int(rng.integers(-len(shape), len(shape)))
    layout = str(rng.choice(["C", "F", "strided", "reversed"]))
    return Case(seed, name, {"x": x, **params}, axis, tuple(wrt), layout)


def _shape(rng, largest, needs_entries):
    batch = tuple(rng.integers(0, 5, rng.choice(3, p=[0.3, 0.5, 0.2])).tolist())
    n = int(
        rng.choice([rng.integers(0, 5), rng.integers(3, 13), rng.integers(largest)])
    )
    return (*batch, max(n, 2) if needs_entries else n)


def draw_values(rng, shape, dtype):
    """Return values of some family and scale, and the scale."""
    families = [
        lambda: rng.normal(size=shape),
        lambda: rng.integers(-2, 3, shape),
        lambda: np.full(shape, rng.normal()),
        lambda: rng.choice([-0.0, 0.0, 1.0], shape),
        lambda: rng.normal(size=shape) * 1e-3 + rng.integers(0, 2, shape),
        lambda: np.sort(rng.normal(size=shape), axis=-1),
        lambda: np.sort(rng.normal(size=shape), axis=-1)[..., ::-1],
        lambda: rng.standard_cauchy(shape) ** 3,
        lambda: rng.normal(size=shape) + 1e6,
        lambda: 1.0 + np.arange(shape[-1]) * 2.0**-52 + np.zeros(shape),
    ]
    values = np.asarray(families[rng.integers(len(families))](), np.float64)
    scale = 1.0
    if np.dtype(dtype).kind == "f" and rng.random() < 0.5:
        widest = 25 if dtype == np.float32 else 280
        reach = widest if rng.random() < 0.3 else 4
        scale = 10.0 ** rng.uniform(-reach, reach)
    values = np.clip(values, -1e9, 1e9) * scale
    if dtype == np.bool_:
        values = values > 0
    return values.astype(dtype), scale


def _add_strength(rng, name, params, wrt, batch, scale):
    if name in ("squash", "soft_isotonic"):
        return
    given = "sigma" if name == "rank_distribution" else "regularization_strength"
    sort = name == "soft_sort" and "method" not in params
    unit = 1.0 / scale if sort else scale
    choices = [0.0, 5e-324, 1e-300, 1e300, 10.0 ** rng.uniform(-12, 12)]
    usual = unit * 10.0 ** rng.uniform(-4, 3)
    strength = float(usual if rng.random() < 0.7 else choices[rng.integers(5)])
    if batch and rng.random() < 0.2:
        strength = unit * 10.0 ** rng.uniform(-4, 3, batch)
        strength[rng.random(batch) < 0.2] = 0.0
    params[given] = strength
    wrt.append(given)


def _weights(rng, shape):
    weights = rng.choice([0.0, 1.0, 2.0, 0.5, rng.uniform(0.1, 3.0)], shape)
    weights[..., :2] = rng.uniform(0.6, 2.0, (*shape[:-1], min(shape[-1], 2)))
    return weights


def _add_arguments(rng, name, params, wrt, shape, scale):
    n = shape[-1]
    if name in ("soft_rank", "soft_sort", "soft_permutation", "rank_distribution"):
        params["descending"] = bool(rng.integers(2))
    if name in ("soft_topk", "soft_topk_sorted"):
        params["largest"] = bool(rng.integers(2))
    if name in BANDS:
        params["keepdims"] = bool(rng.integers(2))
    if name == "soft_isotonic":
        params["increasing"] = bool(rng.integers(2))
    weighted = name in ("soft_rank", "soft_topk", "soft_ecdf", "soft_isotonic")
    weighted |= name in BANDS
    if (weighted and params.get("method") != "sinkhorn") or name == "soft_topk":
        if n and rng.random() < 0.4:
            weights_shape = shape if rng.random() < 0.5 else (n,)
            params["weights"] = _weights(rng, weights_shape)
            wrt.append("weights")
    if name == "soft_topk":
        total = n if "weights" not in params else params["weights"].sum(axis=-1)
        share = rng.uniform(0, 1, rng.choice([0, 1]) * shape[:-1])
        k = np.clip(share * np.min(total, initial=1e9 if n else 0.0), 0.0, None)
        if rng.random() < 0.5:
            k = np.floor(k)
        params["k"] = float(k) if k.ndim == 0 else k
        wrt.append("k")
    if name == "soft_rank" and "regularization" in params and "weights" not in params:
        if n and rng.random() < 0.3:
            params["targets"] = np.exp(rng.normal(size=n))
            wrt.append("targets")
    if name == "soft_topk_sorted":
        params["k"] = int(rng.integers(0, n + 1))
    if name in ("soft_quantile", "superquantile"):
        last = 1.0 if name == "soft_quantile" else 0.9
        q = rng.choice([0.0, last, 0.5, rng.uniform()], rng.choice([0, 1, 4]))
        params["q"] = float(rng.uniform()) if rng.random() < 0.4 else q
        wrt.append("q")
    if name == "soft_trimmed_mean":
        params["proportiontocut"] = float(rng.choice([0.0, 0.1, 0.25, 0.45]))
    if name == "soft_median_of_means":
        params["n_groups"] = int(rng.integers(1, n + 1))
    if name == "soft_ecdf":
        params["points"] = scale * rng.integers(-2, 3, rng.integers(4)).astype(float)
        wrt.append("points")
    if name == "soft_quantile_normalize" and rng.random() < 0.6:
        params["target"] = rng.normal(size=rng.integers(1, 6))
        wrt.append("target")
    if name == "soft_spearmanr":
        params["y"] = rng.integers(0, 4, n).astype(float)


def _loss_case(seed, rng):
    names = [*LIST_LOSSES, *LABEL_LOSSES]
    name = str(rng.choice(names))
    variants = (LIST_LOSSES | LABEL_LOSSES)[name]
    params = dict(variants[rng.integers(len(variants))])
    shape = (int(rng.integers(1, 5)), int(rng.integers(3, 9)))
    scores, scale = draw_values(rng, shape, rng.choice([np.float64, np.float32]))
    if name in LABEL_LOSSES:
        params["target"] = rng.integers(0, shape[1], shape[0])
        params["k"] = int(rng.integers(1, 3))
    elif name in ("soft_auc_loss", "soft_average_precision_loss"):
        params["target"] = rng.integers(0, 2, shape)
        params["target"][:, :2] = [0, 1]
    else:
        key = "target"
        if "ndcg" in name or name in ("listnet_loss", "pairwise_logistic_loss"):
            key = "relevance"
        params[key] = rng.integers(0, 4, shape).astype(float)
        params[key][:, :2] = [0, 1]
    if rng.random() < 0.4:
        params["sample_weight"] = _weights(rng, (shape[0],))
    if name not in ("listnet_loss",):
        given = "sigma" if name == "softrank_ndcg_loss" else "regularization_strength"
        choices = [5e-324, 1e-300, 1e300, 10.0 ** rng.uniform(-12, 12), scale]
        usual = scale * 10.0 ** rng.uniform(-3, 3)
        strength = usual if rng.random() < 0.7 else choices[rng.integers(5)]
        params[given] = float(strength)
    return Case(seed, name, {"scores": scores, **params})


# What must hold.


def check(case):
    """Raise an AssertionError, or what the call raises, unless all holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if case.is_loss:
            _check_loss(case)
        else:
            _check_operator(case)


def frozen(args):
    """Return copies that refuse to be written to."""
    copies = {}
    for name, value in args.items():
        if isinstance(value, np.ndarray):
            value = value.copy()
            value.flags.writeable = False
        copies[name] = value
    return copies


def unchanged(before, after):
    """Raise if a call has written to an argument."""
    for name, values in before.items():
        arrays = values if isinstance(values, tuple) else (values,)
        copies = after[name] if isinstance(values, tuple) else (after[name],)
        for array, copy in zip(arrays, copies, strict=True):
            if isinstance(array, np.ndarray):
                assert array.tobytes() == copy.tobytes(), f"{name} was changed"


def same(actual, expected, what):
    """Raise unless both have the same type, shape and bits."""
    assert np.asarray(actual).dtype == np.asarray(expected).dtype, what
    assert np.shape(actual) == np.shape(expected), what
    assert np.asarray(actual).tobytes() == np.asarray(expected).tobytes(), what


def _laid_out(x, axis, layout):
    """Return x with its rows along an axis and in some order of memory."""
    x = np.moveaxis(x, -1, axis)
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return np.ascontiguousarray(x[::-1])[::-1]
    if layout == "strided":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    return x


def _evaluated(operator, x, params, wrt, cotangent=None, tangent=None):
    """Return the value, the gradients and the pushforward."""
    value, pullback = sksoft.vjp(operator, x, wrt=wrt, **params)
    if cotangent is None:
        return value
    moved = sksoft.jvp(operator, x, tangent, **params)
    same(moved[0], value, "jvp returns another value")
    return [value, *pullback(cotangent), moved[1]]


def _check_operator(case):
    operator = getattr(sksoft, case.name)
    args = frozen(case.args)
    x = args.pop("x")
    shape = x.shape
    rng = np.random.default_rng(case.seed + 1)
    value = operator(x, **args)
    unchanged(case.args, {"x": x, **args})
    assert value.dtype == (x.dtype if x.dtype.kind == "f" else np.float64)
    cotangent = rng.normal(size=value.shape)
    tangent = rng.normal(size=shape)
    results = _evaluated(operator, x, args, case.wrt, cotangent, tangent)
    same(results[0], value, "vjp returns another value")
    for name, result in zip(("value", *case.wrt, "jvp"), results, strict=True):
        assert not np.any(np.isnan(result)), f"{name} is NaN"
        expected = np.shape(case.args.get(name, value))
        assert np.shape(result) == expected, f"{name} has shape {np.shape(result)}"
    unchanged(case.args, {"x": x, **args})
    _check_adjoint(case, results, cotangent, tangent)
    _check_layout(case, operator, x, args, results, cotangent, tangent)
    _check_threads(case, operator, x, args, results, cotangent, tangent)
    if case.name != "soft_quantile_normalize" or "target" in args:
        _check_row(case, operator, x, args, results, cotangent, rng)


def _check_adjoint(case, results, cotangent, tangent):
    _, gradient, *_, moved = results
    x = np.asarray(case.args["x"], np.float64)
    if case.args["x"].dtype == np.float32 or not x.size:
        return
    # Derivatives are at most about one over the smaller of strength and spread; what
    # is far below that may be what rounding left of zero.
    strength = case.args.get("regularization_strength", case.args.get("sigma", 1.0))
    units = [*np.ravel(strength), *np.ravel(np.ptp(x, axis=-1)), 1.0]
    unit = min(value for value in units if value > 0.0)
    with np.errstate(all="ignore"):
        products = gradient * tangent, moved * cotangent
        sizes = sum(np.abs(product).sum() for product in products)
        floor = 1e-11 * np.abs(cotangent).sum() * np.abs(tangent).sum() / unit
        if sizes < 1e250:
            error = abs(products[0].sum() - products[1].sum())
            assert error <= 1e-9 * sizes + floor, "jvp and vjp are not adjoint"


def _check_layout(case, operator, x, args, results, cotangent, tangent):
    axis = case.axis
    moved = {**args, "axis": axis}
    for name in ("weights", "y", "targets"):
        if name in args and args[name].ndim > 1:
            moved[name] = _laid_out(args[name], axis, case.layout)
    if case.name in MATRICES or case.name in STATISTICS:
        keepdims = args.get("keepdims", False)
        turned = cotangent
        if keepdims:
            front = cotangent.ndim - x.ndim
            turned = np.moveaxis(cotangent, -1, front + axis % x.ndim)
    else:
        scalar = case.name == "soft_ecdf" and np.ndim(args["points"]) == 0
        turned = cotangent if scalar else np.moveaxis(cotangent, -1, axis)
    actual = _evaluated(
        operator,
        _laid_out(x, axis, case.layout),
        moved,
        case.wrt,
        turned,
        _laid_out(tangent, axis, case.layout),
    )
    gradient = np.moveaxis(actual[1], axis, -1)
    if case.name == "soft_quantile_normalize" and "target" not in args:
        # The samples are added up in another order.
        np.testing.assert_allclose(gradient, results[1], rtol=1e-5, atol=1e-300)
    else:
        same(gradient, results[1], f"gradient along axis {axis}")
    value = actual[0]
    if value.shape != results[0].shape or turned is not cotangent:
        value = np.moveaxis(value, _axis_of(turned, case), -1)
    same(value, results[0], f"value along axis {axis}")


def _axis_of(turned, case):
    if case.name in STATISTICS:
        ndim = case.args["x"].ndim
        return turned.ndim - ndim + case.axis % ndim
    return case.axis


def _check_threads(case, operator, x, args, results, cotangent, tangent):
    before = _threads.THREADING_SIZE, _threads.CHUNK_SIZE
    try:
        # Any batch is cut into several chunks.
        _threads.THREADING_SIZE, _threads.CHUNK_SIZE = 1, 16
        for n_threads in (1, 2):
            sksoft.set_num_threads(n_threads)
            actual = _evaluated(operator, x, args, case.wrt, cotangent, tangent)
            for result, expected in zip(actual, results, strict=True):
                same(result, expected, f"{n_threads} threads give another result")
    finally:
        _threads.THREADING_SIZE, _threads.CHUNK_SIZE = before
        sksoft.set_num_threads(None)


def _check_row(case, operator, x, args, results, cotangent, rng):
    batch = x.shape[:-1]
    if not batch or 0 in batch:
        return
    place = tuple(int(rng.integers(size)) for size in batch)
    alone = dict(args)
    for name in ("regularization_strength", "sigma", "k"):
        if np.ndim(args.get(name)) > 0:
            alone[name] = args[name][place]
    for name in ("weights", "targets"):
        if np.ndim(args.get(name)) > 1:
            alone[name] = args[name][place]
    front = case.name in ("soft_quantile", "superquantile") and np.ndim(args["q"]) > 0
    where = (slice(None), *place) if front else place
    value, pullback = sksoft.vjp(operator, x[place], **alone)
    same(value, results[0][where], f"row {place} alone differs")
    gradient = pullback(cotangent[where])
    same(gradient, results[1][place], f"gradient of row {place} alone differs")


def _check_loss(case):
    loss = getattr(losses, case.name)
    args = frozen(case.args)
    scores = args["scores"]
    value, gradient = loss(**args)
    unchanged(case.args, args)
    assert np.ndim(value) == 0
    assert not np.isnan(value), "the value is NaN"
    assert gradient.shape == scores.shape
    assert not np.any(np.isnan(gradient)), "the gradient is NaN"
    unchanged(case.args, args)
    _check_lists(loss, args, value, gradient)
    before = _threads.THREADING_SIZE, _threads.CHUNK_SIZE
    try:
        _threads.THREADING_SIZE, _threads.CHUNK_SIZE = 1, 16
        for n_threads in (1, 2):
            sksoft.set_num_threads(n_threads)
            again = loss(**args)
            same(again[0], value, f"{n_threads} threads give another value")
            same(again[1], gradient, f"{n_threads} threads give another gradient")
    finally:
        _threads.THREADING_SIZE, _threads.CHUNK_SIZE = before
        sksoft.set_num_threads(None)


def _check_lists(loss, args, value, gradient):
    """A loss is the weighted mean of the losses of its lists."""
    n_lists = len(args["scores"])
    weights = args.get("sample_weight", np.ones(n_lists))
    shares = weights / weights.sum()
    per_list = ("scores", "target", "relevance")
    total = 0.0
    for i in range(n_lists):
        if shares[i] == 0.0:
            # Nothing is left of a loss or a slope that overflows, either.
            assert not np.any(gradient[i]), f"list {i} without weight has a gradient"
            continue
        alone = {
            name: values[i : i + 1] if name in per_list else values
            for name, values in args.items()
            if name != "sample_weight"
        }
        one_value, one_gradient = loss(**alone)
        total += shares[i] * one_value
        expected = shares[i] * one_gradient[0].astype(np.float64)
        relative = 1e-6 if gradient.dtype == np.float32 else 1e-12
        size = relative * np.abs(expected).max() + np.finfo(gradient.dtype).tiny
        with np.errstate(invalid="ignore"):
            gap = np.abs(gradient[i] - expected)
        # What overflows in single precision is infinite, or the largest number.
        gap = gap[np.isfinite(gradient[i]) & np.isfinite(expected)]
        assert np.all(gap <= size), f"the gradient of list {i} alone differs"
    if np.isfinite(total) or np.isfinite(value):
        assert abs(total - value) <= 1e-12 * abs(total) + 1e-300, "no mean of its lists"
