"""The last line of a plan's document: its criteria as JSON within a comment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from memlint.model import Criterion, CriterionKind, Plan
from memlint.report.strict_json import dumps

SCHEMA = "memlint.plan/1"
_COMMENT = re.compile(r"^<!-- memlint:plan (\{.*\}) -->\s*$", re.MULTILINE)


class PlanError(Exception):
    """A document that cannot be checked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a document says of itself."""

    context: dict[str, str]  # hash, python, pytest, platform and meter of the plan's journal
    files: int
    criteria: tuple[Criterion, ...]


def written(plan: Plan) -> str:
    """Return the comment. Nothing in it can end it early."""
    context = plan.context
    record = {
        "schema": SCHEMA,
        "context": {
            "hash": context.hash,
            "python": context.python,
            "pytest": context.pytest,
            "platform": context.platform,
            "meter": context.meter,
        },
        "files": plan.files,
        "criteria": [
            {"kind": criterion.kind.value, "where": criterion.where, "most": criterion.most}
            for criterion, _ in plan.criteria
        ],
    }
    text = dumps(record).replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "-\\u002d")
    return f"<!-- memlint:plan {text} -->"


def read(document: str) -> Record:
    """Return what the comment of a document says. Raises PlanError."""
    found = _COMMENT.findall(document)
    if not found:
        raise PlanError("is no plan of memlint: its last line, a comment with the criteria, is missing")
    try:
        record: Any = json.loads(found[-1])
        schema = record.get("schema")
        if schema != SCHEMA:
            raise PlanError(f"has the schema {schema}, and this memlint reads {SCHEMA}: write the plan anew")
        criteria = tuple(
            Criterion(CriterionKind(item["kind"]), str(item["where"]), item["most"])
            for item in record["criteria"]
        )
        context = {str(key): str(value) for key, value in record["context"].items()}
        return Record(context, int(record["files"]), criteria)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanError(
            f"has a last line that was changed and cannot be read ({error}): write the plan anew"
        ) from error
