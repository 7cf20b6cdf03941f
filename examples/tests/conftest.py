from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop.orders import OrderStore


@pytest.fixture
def packers():
    return ThreadPoolExecutor(max_workers=4)


@pytest.fixture
def checkers():
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool


@pytest.fixture
def store():
    connection = sqlite3.connect(":memory:")
    yield OrderStore(connection)
    connection.close()
