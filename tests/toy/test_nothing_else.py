"""A machine more, or an engine more, edits nothing: what knows one by name is listed here, and there is no more of it."""

import ast
import pkgutil
import re
from pathlib import Path

import pytest

import layermodel
import layerproof

ROOT = Path(layerproof.__file__).parent
NAMES = re.compile(r"(?<![\w-])(store(?! i\d)|union|docker|overlayfs|fuse-overlayfs)(?![\w-])", re.IGNORECASE)
"""``store i64`` is an instruction of LLVM's."""
OF_ONE = ("layerproof.machines.", "layerproof.engines.", "layermodel.store", "layermodel.union")
REGISTRIES = {"layerproof.machines.registry", "layerproof.engines.registry"}

OWN = ("machines", "engines")
"""What is there for one machine or one engine, with the registries that list them."""

SAYS = {
    "commands/check.py": "what to do next with the machines that are known by name",
    "commands/common.py": "the help of --machine",
    "commands/engine.py": "the help of options that only some engines take",
    "commands/explain.py": "it is a command about stores, and says so",
    "commands/answers.py": "the same",
}
"""Text for the user's eyes; a name that decides something stands in none of them but in that about stores."""

IMPORTS = {
    "__init__.py": "the façade lists what is public of the machines and the engines, by module",
    "commands/answers.py": "the command about stores",
    "commands/explain.py": "the same",
    "commands/schema.py": "the messages are those of engines of stores",
}


def modules():
    return {str(p.relative_to(ROOT)): ast.parse(p.read_text()) for p in sorted(ROOT.rglob("*.py"))
            if p.relative_to(ROOT).parts[0] not in OWN}


def documentation(tree):
    """The constants that are documentation: the first statement of something, or what stands below an assignment."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def names_of(tree):
    """The strings of a module that name a machine or an engine."""
    ignored = documentation(tree)
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            and id(node) not in ignored and NAMES.search(node.value)]


def imports_of(tree):
    """The modules of one machine or one engine that a module imports, whenever."""
    found = []
    for node in ast.walk(tree):
        named = [a.name for a in node.names] if isinstance(node, ast.Import) else (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        found += [n for n in named if f"{n}.".startswith(OF_ONE) and n not in REGISTRIES]
    return found


def test_no_module_names_a_machine_or_an_engine_but_to_the_user():
    named = {path for path, tree in modules().items() if names_of(tree) and path != "__init__.py"}
    assert SAYS.keys() == named


def test_no_module_imports_one_either():
    assert IMPORTS.keys() == {path for path, tree in modules().items() if imports_of(tree)}


def test_nothing_is_decided_by_a_name():
    """No comparison with a name, but that the command about stores is about them."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                compared = [one for one in (node.left, *node.comparators) if isinstance(one, ast.Constant)]
                assert not any(isinstance(c.value, str) and NAMES.fullmatch(c.value) for c in compared), path


@pytest.mark.parametrize(("source", "found"), [
    ("if name == 'store': x()", True), ("f'--machine {x} or union'", True), ('"""Of the store."""', False),
    ("x = 'restored'", False),
])
def test_the_scan_finds_what_it_is_for(source, found):
    assert found == bool(names_of(ast.parse(source)))


def test_the_scan_finds_imports_wherever_they_stand():
    tree = ast.parse("def f():\n    from layerproof.machines.store.draw import label\n    import layermodel.union.rules\n"
                     "    from layerproof.machines.registry import names\n")
    assert ["layerproof.machines.store.draw", "layermodel.union.rules"] == imports_of(tree)


def test_the_lock_imports_what_is_public_only():
    tree = ast.parse(Path(__file__).with_name("lock.py").read_text())
    taken = {(node.module, a.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}
    assert {"layermodel", "layerproof", "z3", "typing", "collections.abc", "__future__"} == {m for m, _ in taken}
    for module in (layermodel, layerproof):
        assert {n for m, n in taken if m == module.__name__} <= {*module.__all__}


def test_nothing_outside_its_folder_knows_the_lock():
    words = re.compile(r"\block:SUBJECT|toy\.lock|tests/toy\b|LOCK-\d|\"lock\"|'lock'")
    for root in (ROOT, Path(layermodel.__file__).parent):
        assert [] == [str(p) for p in root.rglob("*.py") if words.search(p.read_text())]


@pytest.mark.parametrize("package", [layermodel, layerproof])
def test_no_public_name_is_that_of_a_module(package):
    """Or what it is would depend on what was imported before: the module, or what is public."""
    assert not {*package.__all__} & {module.name for module in pkgutil.iter_modules(package.__path__)}
