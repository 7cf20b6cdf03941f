"""Positions from libcst's own provider: twice the price of a parse, for the rare file that ``ast`` cannot read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from memlint.facts import NOWHERE, Span


class ProviderPositions:
    """Positions by node."""

    agrees = True

    def __init__(self, module: cst.Module) -> None:
        """Compute the positions of ``module``, whose nodes must not be copied afterwards."""
        wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.ranges: Mapping[Any, Any] = wrapper.resolve(PositionProvider)

    def take(self, kind: str, node: object, /) -> Span:
        """The span of ``node``."""
        found = self.ranges.get(node)
        if found is None:
            return NOWHERE
        return (found.start.line, found.start.column + 1, found.end.line, found.end.column + 1)
