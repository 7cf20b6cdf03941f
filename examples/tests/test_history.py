"""Growth: every test leaves something behind."""

from __future__ import annotations

import pytest
from shop.orders import Order

HISTORY = []


@pytest.mark.parametrize("month", range(6))
def test_month_is_remembered(month):
    order = Order(month, "Ada", b"." * 20_000_000)
    HISTORY.append(order)
    assert order.weight() == 20_000_000


@pytest.mark.parametrize("month", range(6))
def test_month_is_forgotten(month):
    history = [Order(month, "Ada", b"." * 2_000_000)]
    assert history[0].weight() == 2_000_000
