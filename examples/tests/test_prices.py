"""Large data loading."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop.prices import most_expensive, read_prices

SMALL = Path(__file__).parent.parent / "data" / "prices.csv"
ALL_PRICES = Path("/srv/shop/all-prices.csv")


@pytest.mark.skipif(not ALL_PRICES.exists(), reason="needs the full price list")
def test_no_price_is_missing():
    pytest.importorskip("pandas")
    import pandas as pd

    prices = pd.read_csv(ALL_PRICES)
    assert prices["price"].notna().all()


@pytest.mark.skipif(not ALL_PRICES.exists(), reason="needs the full price list")
def test_first_prices_are_numbers():
    pytest.importorskip("pandas")
    import pandas as pd

    prices = pd.read_csv(ALL_PRICES, nrows=1000)
    assert prices["price"].dtype == "float64"


def test_most_expensive():
    assert most_expensive(SMALL) == "bolt M40"


def test_prices_are_read_one_by_one():
    item, price = next(read_prices(SMALL))
    assert (item, price) == ("bolt M1", 1.1)
