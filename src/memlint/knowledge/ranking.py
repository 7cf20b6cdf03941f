"""The weights of ``rules/ranking.toml``: what a predicted peak cannot take from first principles."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import read_toml


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Named weights; the file says what each means. Bytes, shares of 1, or factors, as the name tells."""

    session_bytes: float
    reused_bytes: float
    source_expansion: float
    compiled_share: float
    unknown_module_bytes: float
    rewrite_expansion: float
    run_expansion: float
    first_use_share: float
    case_bytes: float
    unknown_cases: float
    lazy_share: float
    lazy_product_share: float
    allocation_share: float
    data_expansion: float
    packed_expansion: float
    named_size_bytes: float
    named_size_most_bytes: float
    compiler_bytes: float
    jit_bytes: float
    jit_function_bytes: float
    jit_led_to_share: float
    pool_factor: float
    unsure_share: float
    worker_import_share: float
    fork_share: float
    child_import_share: float
    stored_share: float
    optional_share: float
    called_share: float
    low_share: float
    high_share: float
    workers_low_share: float
    workers_high_share: float


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """The weights that memlint ships.

    Raises knowledge.toml.BadToml when the file does not fit the format.
    """
    return read_toml(rules_dir() / "ranking.toml", Weights)
