"""Worker processes read from text."""

from __future__ import annotations

import re

import pytest

from memlint.ranking.children import started_in

ROOTS = {
    "Parallel": "joblib",
    "multiprocessing": "multiprocessing",
    "mp": "multiprocessing",
    "psutil": "psutil",
    "subprocess": "subprocess",
    "sys": "sys",
    "sync_playwright": "playwright",
    "ThreadPoolExecutor": "concurrent",
    "ProcessPoolExecutor": "concurrent",
}


def called_in(text: str) -> set[str]:
    return set(re.findall(r"\w+(?=\()", text))


def kinds(text: str) -> list[tuple[str, int, str]]:
    return [(item.kind, item.count, item.callee) for item in started_in(text, ROOTS, called_in(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Parallel(n_jobs=4)(calls)", [("pool", 4, "Parallel")]),
        ("Parallel(n_jobs=1)(calls)", []),
        ('Parallel(n_jobs=4, prefer="threads")', [("threads", 4, "Parallel")]),
        ("ThreadPoolExecutor(max_workers=8)", [("threads", 8, "ThreadPoolExecutor")]),
        ("Unknown(a, f(b),\n    n_jobs=-1)", [("pool", -1, "Unknown")]),
        ("mp.Pool()", [("fork", -1, "Pool")]),
        ("closing(mp.Pool())", [("fork", -1, "Pool")]),
        ("MyPool(); x.y(1)", []),
        ("mp.Pool(3)", [("fork", 3, "Pool")]),
        ("psutil.Process(1)", []),
        ("subprocess.run([sys.executable, 'x.py'])", [("child", 1, "run")]),
        ("subprocess.run(['ls'])", []),
        ("cmd = [sys.executable, file]\n" + "x = 1\n" * 150 + "subprocess.run(cmd)", [("child", 1, "run")]),
        ("context.Pool(2)", [("fork", 2, "Pool")]),
        ("check([sys.executable, '-c', code])", [("child", 1, "check")]),
        ("assert command == [sys.executable, '-c', code]", []),
        ("thread.start()", []),
        ("playwright_context.start()", []),
        ('@parametrize("n_jobs", [1, 2])', [("pool", 2, "parametrize")]),
        ('grid = {"clf__n_jobs": 4}', [("pool", 4, "parameter")]),
        ("def fit(self, n_jobs=2): ...", []),
        ("def fit(self, n_jobs=2):\n    Parallel(n_jobs=n_jobs)", []),
        ("jobs = 3\nParallel(n_jobs=jobs)(calls)", [("pool", 3, "Parallel")]),
        ('[{"n_workers": many} for many in (2, 4)]', [("pool", 4, "parameter")]),
        ('{"n_workers": many}', []),
        ("check(args=[sys.executable, '-c', code])", [("child", 1, "check")]),
        (
            "subprocess.run([sys.executable, 'setup.py', 'build_ext'])",
            [("compiler", 1, "build_ext"), ("child", 1, "run")],
        ),
    ],
)
def test_what_starts_workers(text, expected):
    assert kinds(text) == expected


def test_lines_count_from_one():
    assert [item.line for item in started_in("\n\nParallel(n_jobs=2)", ROOTS, {"Parallel"})] == [3]
