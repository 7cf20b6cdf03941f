"""Loops and comprehensions that create large objects; an in-memory database that nobody closes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from helpers import open_archive
from shop.orders import Order, total_weight


def test_weight_of_a_year_of_orders():
    orders = [Order(number, "Ada", bytes(2048)) for number in range(200_000)]
    assert total_weight(orders) == 409_600_000


def test_weight_needs_no_list():
    assert sum(Order(number, "Ada", bytes(2048)).weight() for number in range(1000)) == 2_048_000


def test_order_numbers_are_unique():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table orders (number integer primary key)")
    connection.execute("insert into orders values (1)")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("insert into orders values (1)")


def test_archive_keeps_customers():
    archive = open_archive(["Ada", "Grace"])
    assert archive.execute("select count(*) from archive").fetchone() == (2,)


def test_commit_is_not_close():
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table note (text)")
        assert connection.execute("select count(*) from note").fetchone() == (0,)


def test_closed_archive():
    with closing(open_archive(["Ada"])) as archive:
        assert archive.execute("select customer from archive").fetchone() == ("Ada",)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_store_counts(store, number):
    store.add(Order(number, "Ada"))
    assert store.count() == 1
