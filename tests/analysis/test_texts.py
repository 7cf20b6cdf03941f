"""Formatting of texts: what memlint makes of it is what Python makes of it, or is not known."""

from __future__ import annotations

import pytest
from tests.analysis.test_expressions import value_of

from memlint.analysis.values import UNKNOWN, Data, Literal, Num, PathValue, Value


@pytest.mark.parametrize(
    "expression",
    [
        "'data-%s.csv' % 'large'",
        "'%s/%d.npy' % ('rows', 1000)",
        "'%05d' % 42",
        "'%x and %X' % (255, 255)",
        "'100%% of %s' % 'it'",
        "'%(name)s.%(kind)s' % {'name': 'a', 'kind': 'csv'}",
        "'%r' % 'x'",
        "'{}-{}'.format('a', 7)",
        "'{1}-{0}-{1}'.format('a', 'b')",
        "'{name}.csv'.format(name='prices')",
        "'{:03d}|{:>5}'.format(7, 'x')",
        "'{{{}}}'.format('x')",
        "'no place'.format()",
        "'-'.join(['a']) + '%s' % 'b'",
    ],
)
def test_formatting_gives_what_python_gives(expression: str) -> None:
    value = value_of(f"value = {expression}")
    real = eval(expression)
    if "join" in expression:  # of a join the length alone is known
        assert isinstance(value, Data)
        assert value.bytes == Num(len(real), len(real))
    else:
        assert value == Literal(real, len(real))


@pytest.mark.parametrize(
    "expression",
    [
        "'%s' % unknown",
        "'%d' % 'x'",
        "'%s %s' % 'one'",
        "'%999999999d' % 1",
        "b'%s' % b'x'",
        "'%s' % np.zeros(10)",
        "'{!r}'.format('x')",
        "'{0.name}'.format(unknown)",
        "'{:999999999d}'.format(1)",
        "'{:{}d}'.format(1, 999999999)",
        "'{'.format(1)",
        "'{}'.format()",
        "'{:q}'.format('x')",
    ],
)
def test_what_cannot_be_told_is_not_known(expression: str) -> None:
    assert value_of(f"unknown = object()\nvalue = {expression}") is UNKNOWN


@pytest.mark.parametrize("expression", ["'%s!' % ('x' * 10**6)", "'{}!'.format('x' * 10**6)"])
def test_a_large_part_makes_a_large_text(expression: str) -> None:
    value = value_of(f"value = {expression}")
    assert isinstance(value, Data)
    assert value.bytes == Num(10**6 + 1, 10**6 + 1)


@pytest.mark.parametrize(
    "expression",
    [
        "'%s/prices.csv' % os.path.dirname(__file__)",
        "'{}/prices.csv'.format(os.path.dirname(__file__))",
        "'{here}/{name}.csv'.format(here=os.path.dirname(__file__), name='prices')",
    ],
)
def test_a_path_stays_a_path(expression: str) -> None:
    value: Value = value_of(f"import os\nvalue = {expression}")
    assert isinstance(value, PathValue)
    assert (value.base, value.text) == ("module", "/prices.csv")
