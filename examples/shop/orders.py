"""Orders and where they are kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass
class Order:
    number: int
    customer: str
    lines: bytes = b""

    def weight(self) -> int:
        return len(self.lines)


class OrderStore:
    """Orders in a database that belongs to the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("create table if not exists orders (number integer primary key, customer text)")

    def add(self, order: Order) -> None:
        self._connection.execute("insert into orders values (?, ?)", (order.number, order.customer))

    def count(self) -> int:
        return self._connection.execute("select count(*) from orders").fetchone()[0]


def total_weight(orders: list[Order]) -> int:
    return sum(order.weight() for order in orders)
