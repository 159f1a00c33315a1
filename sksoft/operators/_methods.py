# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a method of an operator accepts besides its strength."""

from sksoft._validation import check_option


def check_method(method, regularization, methods):
    """Return the regularisation that a method uses, None where it has no choice.

    Parameters
    ----------
    method : str
        What was asked for.
    regularization : str or None
        What was asked for; None stands for the first choice of the method.
    methods : dict of str to tuple of str
        The regularisations that each method offers.

    Returns
    -------
    regularization : str or None
        One that the method offers.
    """
    if not isinstance(method, str) or method not in methods:
        if isinstance(method, str):
            _check_mistaken(method, methods)
        check_option(method, "method", tuple(methods))
    choices = methods[method]
    if regularization is None:
        return choices[0] if choices else None
    if not choices:
        raise ValueError(
            f"regularization must be None for method={method!r}, which has no choice "
            f"of one, got {regularization!r}."
        )
    check_option(regularization, f"regularization of method={method!r}", choices)
    return regularization


def _check_mistaken(name, methods):
    """Raise where a regularisation is given as the method."""
    for method, choices in methods.items():
        if name in choices:
            allowed = ", ".join(repr(option) for option in methods)
            raise ValueError(
                f"method must be one of {allowed}, got {name!r}, which is a "
                f"regularization of method={method!r}: pass regularization={name!r}."
            )
