"""The investigation plan: made from the facts of one suite, and checked against a later journal."""

from memlint.report.plan.check import Checked, check
from memlint.report.plan.document import document
from memlint.report.plan.make import make
from memlint.report.plan.record import PlanError

__all__ = ["Checked", "PlanError", "check", "document", "make"]
