"""Writes results in the format that a reader, a CI system or a program wants: one module a format."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from memlint.report.interface import (
    AgreementReporter,
    ComparisonReporter,
    MissingExtraError,
    ProbeReporter,
    RankReporter,
    RenderContext,
    Reporter,
    ReportReporter,
)

__all__ = [
    "AGREEMENT_FORMATS",
    "COMPARISON_FORMATS",
    "FORMATS",
    "PROBE_FORMATS",
    "RANK_FORMATS",
    "REPORT_FORMATS",
    "AgreementReporter",
    "ComparisonReporter",
    "MissingExtraError",
    "ProbeReporter",
    "RankReporter",
    "RenderContext",
    "ReportReporter",
    "Reporter",
    "get_agreement_reporter",
    "get_comparison_reporter",
    "get_probe_reporter",
    "get_rank_reporter",
    "get_report_reporter",
    "get_reporter",
]

# name → module:class; imported only when chosen, so that rich is loaded for text alone
FORMATS = {
    "text": "memlint.report.text:TextReporter",
    "concise": "memlint.report.concise:ConciseReporter",
    "json": "memlint.report.lint_json:JsonReporter",
    "jsonl": "memlint.report.lint_json:JsonLinesReporter",
    "sarif": "memlint.report.sarif:SarifReporter",
    "github": "memlint.report.github:GithubReporter",
    "gitlab": "memlint.report.gitlab:GitlabReporter",
    "junit": "memlint.report.junit:JunitReporter",
    "markdown": "memlint.report.markdown:MarkdownReporter",
}
RANK_FORMATS = {
    "text": "memlint.report.rank_text:TextRankReporter",
    "json": "memlint.report.rank_json:JsonRankReporter",
    "markdown": "memlint.report.rank_markdown:MarkdownRankReporter",
}
REPORT_FORMATS = {
    "html": "memlint.report.page:PageReporter",
    "markdown": "memlint.report.report_markdown:MarkdownReportReporter",
    "json": "memlint.report.report_json:JsonReportReporter",
}
AGREEMENT_FORMATS = {
    "text": "memlint.report.agreement_text:TextAgreementReporter",
    "json": "memlint.report.agreement_json:JsonAgreementReporter",
    "markdown": "memlint.report.agreement_markdown:MarkdownAgreementReporter",
}
COMPARISON_FORMATS = {
    "text": "memlint.report.comparison:TextComparisonReporter",
    "json": "memlint.report.comparison:JsonComparisonReporter",
    "markdown": "memlint.report.comparison:MarkdownComparisonReporter",
}

PROBE_FORMATS = {
    "text": "memlint.report.probe_text:TextProbeReporter",
    "json": "memlint.report.probe_json:JsonProbeReporter",
}


def get_reporter(name: str) -> Reporter:
    """Return the reporter of lint results called ``name``, a key of FORMATS.

    Raises KeyError for another name.
    """
    return cast("Reporter", _load(FORMATS[name]))


def get_rank_reporter(name: str) -> RankReporter:
    """Return the reporter of rankings called ``name``, a key of RANK_FORMATS.

    Raises KeyError for another name.
    """
    return cast("RankReporter", _load(RANK_FORMATS[name]))


def get_report_reporter(name: str) -> ReportReporter:
    """Return the reporter of whole reports called ``name``, a key of REPORT_FORMATS.

    Raises KeyError for another name.
    """
    return cast("ReportReporter", _load(REPORT_FORMATS[name]))


def get_agreement_reporter(name: str) -> AgreementReporter:
    """Return the reporter of cross-checks called ``name``, a key of AGREEMENT_FORMATS.

    Raises KeyError for another name.
    """
    return cast("AgreementReporter", _load(AGREEMENT_FORMATS[name]))


def get_comparison_reporter(name: str) -> ComparisonReporter:
    """Return the reporter of comparisons called ``name``, a key of COMPARISON_FORMATS.

    Raises KeyError for another name.
    """
    return cast("ComparisonReporter", _load(COMPARISON_FORMATS[name]))


def get_probe_reporter(name: str) -> ProbeReporter:
    """Return the reporter of probes called ``name``, a key of PROBE_FORMATS.

    Raises KeyError for another name.
    """
    return cast("ProbeReporter", _load(PROBE_FORMATS[name]))


def _load(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
