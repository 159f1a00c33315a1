# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the bridges to other frameworks share, in terms of NumPy only.

Frameworks that map functions over further axes put these in front of every array. Here
such leading axes become part of the batch of an operator wherever its rows can be
stacked, and a loop where they cannot.
"""

import inspect
import math
from typing import Literal, NamedTuple, get_args, get_origin

import numpy as np

from sksoft import losses, operators
from sksoft._validation import normalized_axis

OPERATORS = {
    name: getattr(operators, name)
    for name in operators.__all__
    if hasattr(getattr(operators, name), "bind")
}


def positional_names(function):
    """Return the names of the arguments that may be given by position."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


LOSSES = {name: getattr(losses, name) for name in losses.__all__}
# The arguments in which a loss has gradients, the first of which it cannot do without.
# Each may be a tuple of arrays, whose names are then that of the argument and a number.
GRADIENTS = dict.fromkeys(LOSSES, ("scores",)) | {
    "beam_loss": ("emissions", "transitions")
}


def by_name(function, positions, args, params):
    """Return all arguments in a dict; a wrong number of them is a TypeError."""
    arguments = {**dict(zip(positions, args, strict=False)), **params}
    if len(arguments) < len(args) + len(params):
        inspect.signature(function).bind(*args, **params)
    return arguments


def strength_name(operator):
    """Return the name of the argument that is 0 for the hard operator, or None."""
    names = inspect.signature(operator).parameters
    for name in ("regularization_strength", "sigma"):
        if name in names:
            return name
    return None


def static_names(function):
    """Return the names of the arguments that shapes and ways of computing depend on."""
    parameters = inspect.signature(function).parameters.values()
    return frozenset(p.name for p in parameters if _is_static(p.annotation))


def _is_static(annotation):
    if get_origin(annotation) is Literal:
        return True
    kinds = get_args(annotation) or (annotation,)
    return all(
        kind in (int, bool, str, type(None)) or get_origin(kind) is Literal
        for kind in kinds
    )


def bridged_signature(operator, straight_through):
    """Return the signature of an operator, with straight_through where it has one."""
    signature = inspect.signature(operator)
    if not straight_through:
        return signature
    extra = inspect.Parameter(
        "straight_through", inspect.Parameter.KEYWORD_ONLY, default=False
    )
    return signature.replace(parameters=[*signature.parameters.values(), extra])


def popped_straight_through(params, strength):
    """Take straight_through out of the arguments of an operator that has a strength."""
    if strength is None:
        return False
    value = params.pop("straight_through", False)
    if value is not False and value is not True:
        raise TypeError(f"straight_through must be True or False, got {value!r}.")
    return value


STRAIGHT_THROUGH_DOC = """straight_through : bool, default=False
    Whether the value is the hard one, of strength 0, and only its derivatives are soft.
"""


def publish(namespace, bridged_operator, bridged_loss, operator_doc, loss_doc):
    """Put all operators and losses into a module, as functions of its framework.

    Parameters
    ----------
    namespace : dict
        That of the module.
    bridged_operator, bridged_loss : callable
        Return the function of the framework for one of NumPy.
    operator_doc, loss_doc : str
        Their documentation, with the places {summary}, {name}, and {straight_through}
        or {first}.
    """
    for name, function in (OPERATORS | LOSSES).items():
        if name in OPERATORS:
            bridged, documentation = bridged_operator(function), operator_doc
            hard = strength_name(function) is not None
            text = {"straight_through": STRAIGHT_THROUGH_DOC if hard else ""}
        else:
            bridged, documentation = bridged_loss(function), loss_doc
            hard, text = False, {"first": GRADIENTS[name][0]}
        summary = inspect.getdoc(function).partition("\n")[0]
        bridged.__name__ = bridged.__qualname__ = name
        bridged.__module__ = namespace["__name__"]
        bridged.__signature__ = bridged_signature(function, hard)
        bridged.__doc__ = documentation.format(summary=summary, name=name, **text)
        namespace[name] = bridged


def parted(arguments, is_array, static, differentiable=()):
    """Part arguments into the names of arrays, the arrays, and pairs of the others.

    Static arguments must not be arrays. A tuple in the place of a differentiable
    argument counts as so many arrays.
    """
    names, arrays, options = [], [], []
    for name, value in arguments.items():
        if is_array(value):
            if name in static:
                raise TypeError(
                    f"{name} must be a constant of Python, on which shapes or the way "
                    f"of computing depend, got {type(value).__name__}."
                )
            names.append(name)
            arrays.append(value)
        elif name in differentiable and isinstance(value, tuple):
            names.extend(f"{name}.{i}" for i in range(len(value)))
            arrays.extend(value)
        else:
            options.append((name, value))
    return names, arrays, options


def has_gradient(loss, name):
    """Return whether a loss has a gradient in an array of this name."""
    names = GRADIENTS[loss]
    return name in names or name.partition(".")[0] in names


def no_loss_gradient(loss, name):
    """Return the error of whoever asks a loss for a gradient in another array."""
    known = " and ".join(GRADIENTS[loss])
    return ValueError(
        f"{name} must not require a gradient: {loss} has a derivative with respect to "
        f"{known} only."
    )


def evaluate_loss(loss, arrays, options):
    """Return the value of a loss and its gradients.

    Parameters
    ----------
    loss : str
        Its name.
    arrays : dict of str to ndarray
        The arrays among its arguments.
    options : dict
        Its other arguments.

    Returns
    -------
    value : float
        The value.
    gradients : dict of str to ndarray
        The gradients in those arrays that have one.
    """
    names = GRADIENTS[loss]
    if len(names) == 1:
        value, gradient = LOSSES[loss](**arrays, **dict(options))
        return value, {names[0]: gradient}
    arguments = dict(options)
    for name, array in arrays.items():
        argument, dot, _ = name.partition(".")
        arguments[argument] = (*arguments.get(argument, ()), array) if dot else array
    value, found = LOSSES[loss](**arguments)
    gradients = {}
    for name, gradient in zip(names, found, strict=True):
        if isinstance(gradient, tuple):
            gradients |= {f"{name}.{i}": part for i, part in enumerate(gradient)}
        else:
            gradients[name] = gradient
    return value, gradients


class Spec(NamedTuple):
    """What is fixed before any array is known: an operator and its options."""

    operator: str
    # Arguments that are no arrays of the framework, as pairs of names and values.
    options: tuple
    # Whether the value is hard and the derivatives are soft.
    straight_through: bool


class Linearized(NamedTuple):
    """A value and the linear maps at it."""

    value: np.ndarray
    # Maps a cotangent to a tuple of gradients, each with all leading axes.
    pullback: object
    # Maps a tangent of x to that of the value.
    pushforward: object


def check_differentiable(spec, call, wrt):
    """Raise unless the call has gradients with respect to these arguments."""
    for name in wrt:
        try:
            call.check_wrt((name,))
        except ValueError:
            raise ValueError(
                f"{name} must not require a gradient: {spec.operator} has no "
                f"derivative with respect to {name} with these arguments."
            ) from None


def evaluate(spec, arrays, leading=()):
    """Return the value of an operator at arrays with leading axes.

    Parameters
    ----------
    spec : Spec
        The operator and its options.
    arrays : dict of str to ndarray
        The arrays among its arguments. Each has the leading axes in front, of length 1
        where it does not vary along them.
    leading : tuple of int
        The lengths of the leading axes.

    Returns
    -------
    value : ndarray of shape (*leading, ...)
        What the operator returns, stacked.
    """
    if leading:
        return linearize(spec, arrays, (), leading).value
    if spec.straight_through:
        spec, arrays = _hardened(spec, arrays)
    call = OPERATORS[spec.operator].bind(**arrays, **dict(spec.options))
    return call.run(keep=False)[0]


def linearize(spec, arrays, wrt, leading=()):
    """Return the value and the linear maps of an operator at arrays with leading axes.

    Parameters
    ----------
    spec, arrays, leading
        As for :func:`evaluate`.
    wrt : tuple of str
        The arguments with respect to which the pullback has gradients.

    Returns
    -------
    linearized : Linearized
        The value and its derivatives.
    """
    if spec.straight_through:
        soft = linearize(spec._replace(straight_through=False), arrays, wrt, leading)
        hard, zeros = _hardened(spec, arrays)
        if not leading:
            return soft._replace(value=evaluate(hard, zeros))
        return soft._replace(value=linearize(hard, zeros, (), leading).value)
    if leading:
        return _linearize_stacked(spec, arrays, wrt, leading)
    call = OPERATORS[spec.operator].bind(**arrays, **dict(spec.options))
    check_differentiable(spec, call, wrt)
    return Linearized(*call.linearize(wrt))


def _hardened(spec, arrays):
    """Return the spec and the arrays of the hard operator: a strength of zero."""
    name = strength_name(OPERATORS[spec.operator])
    # A strength of a larger shape stretches the batch.
    if name in arrays:
        return spec._replace(straight_through=False), {
            **arrays,
            name: np.zeros(arrays[name].shape),
        }
    options = dict(spec.options)
    options[name] = np.zeros(np.shape(options.get(name, 0.0)))[()]
    return Spec(spec.operator, tuple(options.items()), False), arrays


class _Place(NamedTuple):
    """How an array with leading axes fits into a stacked batch."""

    # The shape without the leading axes, and with axes of length 1 for the batch.
    core: tuple
    spread: tuple
    # What the stacked operator takes.
    full: tuple

    def put(self, array):
        """Return the array as the stacked operator takes it."""
        leading = array.shape[: array.ndim - len(self.core)]
        return np.broadcast_to(array.reshape(leading + self.spread), self.full)

    def pull(self, gradient):
        """Return a gradient with all leading axes."""
        leading = self.full[: len(self.full) - len(self.spread)]
        axes = tuple(
            i
            for i, size in enumerate(leading + self.spread)
            if size == 1 and self.full[i] != 1
        )
        return gradient.sum(axis=axes).reshape(leading + self.core)


def _places(operator, arrays, axis, leading):
    """Return the places of arrays whose rows are stacked, and the axis of the rows."""
    core = {name: array.shape[len(leading) :] for name, array in arrays.items()}
    x_shape = core["x"]
    if not x_shape:
        raise ValueError("x must have at least one dimension, got a number.")
    axis = normalized_axis(axis, len(x_shape)) - len(x_shape)

    def without_axis(shape):
        place = len(shape) + axis
        return shape[:place] + shape[place + 1 :]

    rows = [name for name in core if name in operator.per_row]
    entries = [name for name in core if name in operator.per_entry]
    batches = [core[name] for name in rows]
    batches += [without_axis(core[name]) for name in entries if len(core[name]) > 1]
    batch = np.broadcast_shapes(without_axis(x_shape), *batches)
    place = len(batch) + 1 + axis
    full = (*batch[:place], x_shape[axis], *batch[place:])
    places = {}
    for name, shape in core.items():
        if name in rows:
            spread = (1,) * (len(batch) - len(shape)) + shape
            places[name] = _Place(shape, spread, leading + spread)
        elif name == "x" or name in entries:
            spread = (1,) * (len(full) - len(shape)) + shape
            if len(shape) == 1:
                spread = tuple(shape[0] if i == place else 1 for i in range(len(full)))
            places[name] = _Place(shape, spread, leading + full)
    return places, axis


def _linearize_stacked(spec, arrays, wrt, leading):
    """Linearize with leading axes as part of the batch."""
    operator = OPERATORS[spec.operator]
    n_leading = len(leading)
    options, given = dict(spec.options), dict(arrays)
    for name in (*operator.per_row, *operator.per_entry):
        if np.ndim(options.get(name)):
            value = np.asarray(options.pop(name))
            given[name] = value.reshape((1,) * n_leading + value.shape)
    places, axis = _places(operator, given, options.get("axis", -1), leading)
    stacked = {name: place.put(given[name]) for name, place in places.items()}
    for name in given.keys() - places.keys():
        # What all rows share cannot differ between them.
        if math.prod(given[name].shape[:n_leading]) != 1 or name in wrt:
            return _linearize_one_by_one(spec, arrays, wrt, leading)
        stacked[name] = given[name].reshape(given[name].shape[n_leading:])
    call = operator.bind(**stacked, **{**options, "axis": axis})
    if call.joins_rows:
        return _linearize_one_by_one(spec, arrays, wrt, leading)
    check_differentiable(spec, call, wrt)
    value, pull, push = call.linearize(wrt)
    # A statistic has its own axes in front of those of the batch.
    front = len(call.core_shape) if call.reduces else 0
    inner = tuple(range(front, front + n_leading))
    outer = tuple(range(n_leading))

    def pullback(cotangent):
        gradients = pull(np.moveaxis(cotangent, outer, inner))
        return tuple(
            places[name].pull(gradient)
            for name, gradient in zip(wrt, gradients, strict=True)
        )

    def pushforward(tangent):
        return np.moveaxis(push(places["x"].put(tangent)), inner, outer)

    return Linearized(np.moveaxis(value, inner, outer), pullback, pushforward)


def _linearize_one_by_one(spec, arrays, wrt, leading):
    """Linearize for each place on the leading axes by itself."""
    n_leading = len(leading)

    def part(array, index):
        sizes = array.shape[:n_leading]
        return array[tuple(i % size for i, size in zip(index, sizes, strict=True))]

    parts = {
        index: linearize(
            spec, {name: part(array, index) for name, array in arrays.items()}, wrt
        )
        for index in np.ndindex(leading)
    }

    def gathered(results):
        results = [np.asarray(result) for result in results]
        return np.stack(results).reshape(leading + results[0].shape)

    def pullback(cotangent):
        gradients = [parts[index].pullback(cotangent[index]) for index in parts]
        return tuple(gathered(column) for column in zip(*gradients, strict=True))

    def pushforward(tangent):
        return gathered(parts[i].pushforward(part(tangent, i)) for i in parts)

    value = gathered(parts[index].value for index in parts)
    return Linearized(value, pullback, pushforward)


# The number of entries that stands for an unknown one; larger than any k.
ANY_LENGTH = 1_000_003


def output_shape(spec, shapes):
    """Return the shape of the value, without leading axes, from shapes alone.

    Parameters
    ----------
    spec : Spec
        The operator and its options, which are checked.
    shapes : dict of str to tuple of int
        The shapes of the arrays among its arguments. Sizes of the batch and of the rows
        may be symbols.

    Returns
    -------
    shape : tuple of int
        Built from the given sizes.
    """
    operator = OPERATORS[spec.operator]
    options = dict(spec.options)
    x_shape = shapes["x"]
    if not x_shape:
        raise ValueError("x must have at least one dimension, got a number.")
    axis = normalized_axis(options.get("axis", -1), len(x_shape)) - len(x_shape)

    def without_axis(shape):
        return [size for i, size in enumerate(shape) if i != len(shape) + axis]

    known = _all_known(shapes)
    n = x_shape[axis]
    call = _bound_to_samples(spec, shapes, axis)
    core = [n if not known and size == ANY_LENGTH else size for size in call.core_shape]
    batch = without_axis(x_shape)
    for name in operator.per_row:
        shape = shapes.get(name, np.shape(options.get(name)))
        batch = _broadcast(batch, list(shape))
    for name in operator.per_entry:
        shape = shapes.get(name, np.shape(options.get(name)))
        if len(shape) > 1:
            batch = _broadcast(batch, without_axis(shape))
    if call.reduces:
        if call.keepdims:
            batch.insert(len(batch) + 1 + axis, 1)
        return (*core, *batch)
    if len(core) == 1:
        batch.insert(len(batch) + 1 + axis, core[0])
        return tuple(batch)
    return (*batch, *core)


def check_differentiable_shapes(spec, shapes, wrt):
    """Raise unless there are gradients with respect to these arguments."""
    axis = dict(spec.options).get("axis", -1)
    call = _bound_to_samples(spec, shapes, axis)
    check_differentiable(spec, call, wrt)


def _all_known(shapes):
    return all(type(size) is int for shape in shapes.values() for size in shape)


def _bound_to_samples(spec, shapes, axis):
    """Bind an operator to zeros of these shapes, which checks them and the options."""
    operator = OPERATORS[spec.operator]
    known = _all_known(shapes)
    samples = {}
    for name, shape in shapes.items():
        if known:
            sample = shape
        elif name == "x":
            sample = [1] * len(shape)
            sample[axis] = ANY_LENGTH
        elif name in operator.per_row:
            sample = ()
        elif name in operator.per_entry:
            sample = (ANY_LENGTH,)
        else:
            sample = tuple(int(size) for size in shape)
        samples[name] = (np.ones if name in operator.per_entry else np.zeros)(sample)
    return operator.bind(**samples, **dict(spec.options))


def _broadcast(shape, other):
    """Broadcast two lists of sizes, which may be symbols."""
    if len(shape) < len(other):
        shape, other = other, shape
    extra = len(shape) - len(other)
    pairs = zip(shape[extra:], other, strict=True)
    return shape[:extra] + [b if a == 1 else a for a, b in pairs]
