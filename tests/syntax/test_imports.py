"""What the line reader takes for an import, and for whom."""

from __future__ import annotations

from textwrap import dedent

import pytest

from memlint.syntax.imports import Scan, blanked, quoted_imports, scan_imports
from memlint.syntax.imports import scan as scan_code


def scan(text: str) -> Scan:
    return scan_code(blanked(text))


def eager(text: str) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(item.level, item.module, item.names) for item in scan(dedent(text)).eager]


def test_plain_from_relative_and_parenthesised_imports():
    text = """\
        import os, numpy as np
        from . import sibling
        from ..pkg.mod import (  # why
            a,
            b as c,
        )
        """
    assert eager(text) == [(0, "os", ()), (0, "numpy", ()), (1, "", ("sibling",)), (2, "pkg.mod", ("a", "b"))]


def test_what_is_imported_by_its_name_may_be_relative_or_end_open():
    text = """\
        plugin = import_module(".plugins." + name, __package__)
        other = importlib.import_module("product.parts.inner")
        """
    assert eager(text) == [(1, "plugins", ()), (0, "product.parts.inner", ())]


def test_strings_and_comments_import_nothing():
    assert eager('"""\nimport torch\n"""\n# import jax\nx = """\nfrom a import b"""\n') == []


def test_imports_under_type_checking_cost_nothing_but_those_of_its_else_do():
    text = """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import torch
        else:
            import numpy
        import scipy
        """
    assert [module for _, module, _ in eager(text)] == ["typing", "numpy", "scipy"]


def test_a_function_keeps_its_imports_to_itself():
    found = scan("def f():\n    import torch\n\nif True:\n    import numpy\n\nclass A:\n    import json\n")
    assert [item.module for item in found.eager] == ["numpy", "json"]
    assert [(scope.name, [item.module for item in scope.imports]) for scope in found.scopes] == [
        ("f", ["torch"])
    ]


def test_methods_know_their_class_and_nested_functions_their_own_imports():
    found = scan(
        "class A(x.B):\n    def m(self):\n        def inner():\n            import torch\n        import jax\n"
    )
    assert found.bases == {"A": ("B",)}
    assert [(s.owner, s.name, [i.module for i in s.imports]) for s in found.scopes] == [
        ("A", "m", ["jax"]),
        ("A", "inner", ["torch"]),
    ]


def test_what_is_tried_or_skipped_on_is_optional():
    text = (
        "import pytest\ntry:\n    import a\nexcept ImportError:\n    a = None\n"
        'b = pytest.importorskip("b.c")\nimport d\n'
    )
    found = [(item.module, item.optional) for item in scan(text).eager]
    assert found == [("pytest", False), ("a", True), ("b.c", True), ("d", False)]


def test_a_function_ends_where_the_next_statement_of_its_level_begins():
    text = "def f():\n    one()\n\nx = 1\n"
    scope = scan(text).scopes[0]
    assert text[scope.start : scope.end] == "def f():\n    one()\n\n"


def test_what_is_no_python_gives_no_error():
    assert scan("import (((\n def ]\n\x00").scopes == ()


def test_scripts_in_strings_import_and_words_in_them_do_not():
    text = """\
        import os  # don't import this
        one = "import numpy as np; import scipy.stats\\nfrom pandas import DataFrame, Series as S"
        two = '''
            from torch import nn
            >>> import jax
            what to import where, said from here
        '''
        """
    found = [(item.module, item.names) for item in quoted_imports(dedent(text), blanked(dedent(text)))]
    assert found == [
        ("numpy", ()),
        ("scipy.stats", ()),
        ("pandas", ("DataFrame", "Series")),
        ("torch", ("nn",)),
    ]


def test_a_blanked_string_leaves_its_lines_and_what_follows_it_stays_where_it_was():
    text = 'x = """a\nb\n""".format(c)\ny = \'\'\'d "" e\'\'\'\nz = """never closed\nimport os\n'
    code = blanked(text)
    assert code.count("\n") == text.count("\n")
    assert [line.strip() for line in code.split("\n")] == [
        "x =",
        "",
        ".format(c)",
        "y =",
        'z = """never closed',
        "import os",
        "",
    ]
    assert code.split("\n")[2].startswith(" ")  # or it would end the function that it is in


def test_scripts_on_one_line_are_seen_beside_statements():
    text = "import os\nfrom a import b\nrun('import numpy')\n"
    assert [item.module for item in quoted_imports(text, blanked(text))] == ["numpy"]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nfrom a import (\n    b,\n    c,\n)\nclass A(B, c.D):\n    def f(self): pass\nimport json\n",
        "if True:\n    import os\nimport json\n",
        "def f():\n    from a import b\n",
        "sp = pytest.importorskip('scipy')\ndef f():\n    pytest.importorskip('pandas')\n",
        '"""\nimport os\n"""\nclass A:\n    class B(A):\n        x = 1\n\ntry: import x\nfinally: pass\nimport z\n',
        "import a; import b\nif TYPE_CHECKING:\n    import c\n",
    ],
)
def test_nothing_but_functions_without_imports_is_left_out(text):
    whole, read = scan(text), scan_imports(blanked(text))
    assert (read.eager, read.bases) == (whole.eager, whole.bases)
    assert [scope for scope in read.scopes if scope.imports] == [
        scope for scope in whole.scopes if scope.imports
    ]
