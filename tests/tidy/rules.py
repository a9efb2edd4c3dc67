"""The house rules that no linter knows, each a function from something read to what is wrong in it.

In the flow: gets modules and texts from ``source_tree``, hands sentences to the tests beside it.
Guarantee: a rule reads nothing and remembers nothing, so that a test can show it a planted fault.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source_tree import Module

__all__ = [
    "bad_names",
    "environment_reads",
    "function_sizes",
    "module_docstring_faults",
    "names_the_events_table",
    "not_for_publication",
    "secret_comparisons",
    "sleeps",
    "tests_without_docstring",
    "unlisted_names",
]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = _Function | ast.ClassDef

_SECRET_NAME = re.compile(
    r"(?:^|[._])(?:secret|secrets|signature|password|token|reveal\(\)|\w+_hash)$",
    re.IGNORECASE,
)
_EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Spelled so that this file does not break its own rule.
_NOT_FOR_PUBLICATION = {
    "a folder of one machine": re.compile(
        r"(?<![\w.~})])/(?:home|root|Users|workspace|work|tmp)/\w"
    ),
    "a package registry": re.compile(
        r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|crates[.]io|(?<!no-emit-)(?:index[-]url|find[-]links)"
    ),
    "a content network": re.compile(r"jsdelivr[.]net|unpkg[.]com|esm[.]sh|cdnjs[.]|googleapis[.]"),
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b"),
}


def function_sizes(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the name of each function and its lines, first to last, its docstring not counted."""
    for node in ast.walk(module.tree):
        if isinstance(node, _Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            yield f"{module.path.as_posix()}:{node.name}", lines


def module_docstring_faults(module: Module) -> Iterator[str]:
    """Yield what the module's docstring leaves out of: purpose, place in the flow, guarantee."""
    docstring = ast.get_docstring(module.tree)
    if docstring is None:
        yield f"{module.path}: has no docstring"
        return
    if module.is_package and not _has_code(module):
        return
    if not re.search(r"^In the flow: \S", docstring, re.MULTILINE):
        yield f"{module.path}: its docstring has no line 'In the flow: …'"
    if not re.search(r"^Guarantees?: \S", docstring, re.MULTILINE):
        yield f"{module.path}: its docstring has no line 'Guarantee: …'"


def _has_code(module: Module) -> bool:
    return any(isinstance(node, _Definition) for node in module.tree.body)


def tests_without_docstring(module: Module) -> Iterator[str]:
    """Yield each test that does not say in a sentence which behaviour it shows."""
    for node in ast.walk(module.tree):
        if not isinstance(node, _Function) or not node.name.startswith("test_"):
            continue
        if not ast.get_docstring(node):
            yield f"{module.path}:{node.lineno}: {node.name} has no docstring"


def sleeps(module: Module) -> Iterator[str]:
    """Yield each wait for a fixed time, unless a module that is no test says '# sleeps: why'.

    ``sleep(0)`` only gives way to other tasks and is allowed.
    """
    may_say_why = not module.path.name.startswith("test_")
    lines = module.text.splitlines()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or _called(node) not in {"sleep", "wait_for_timeout"}:
            continue
        if [getattr(argument, "value", None) for argument in node.args] == [0]:
            continue
        if not (may_say_why and "# sleeps: " in lines[node.lineno - 1]):
            yield f"{module.path}:{node.lineno}: waits for a time instead of for what it means"


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def environment_reads(module: Module) -> Iterator[str]:
    """Yield each use of the process's environment."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute):
            continue
        if ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}:
            yield f"{module.path}:{node.lineno}: reads the environment"


def names_the_events_table(module: Module) -> bool:
    """Tell whether a module names the table of all teams' events, as a name or in a text."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.alias) and node.name == "TABLE":
            return True
        if isinstance(node, ast.Constant) and "livetally.events" in str(node.value):
            return True
    return False


def secret_comparisons(module: Module) -> Iterator[str]:
    """Yield each comparison with ``==`` of what is named a secret: it is slower the more fits."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            continue
        sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
        if any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators)):
            continue  # what it is compared with is no secret
        if any(_SECRET_NAME.search(side) for side in sides):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)}: use hmac.compare_digest"


def unlisted_names(module: Module) -> Iterator[str]:
    """Yield each public class and function that the module's ``__all__`` leaves out."""
    listed = _listed(module)
    if listed is None:
        return
    for node in module.tree.body:
        if not isinstance(node, _Definition) or node.name.startswith("_"):
            continue
        if node.name not in listed:
            yield f"{module.path}:{node.lineno}: {node.name} is not in __all__"


def _listed(module: Module) -> list[str] | None:
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def bad_names(path: str) -> Iterator[str]:
    """Yield the parts of a path that name nothing: a room is called after what it does."""
    for part in re.split(r"[/.]", path):
        if part in _EMPTY_NAMES:
            yield f"{path}: '{part}' says nothing about what is inside"


def not_for_publication(path: str, text: str) -> Iterator[str]:
    """Yield each line of a file that names what only one machine, or nobody's program, needs."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in _NOT_FOR_PUBLICATION.items():
            if found := pattern.search(line):
                yield f"{path}:{number}: {what}: {found.group()}"
