# SPDX-License-Identifier: MIT
"""The stub and the module say the same: names, parameters, defaults, kinds and documentation, both ways."""

import ast
import inspect
from pathlib import Path

import pytest
from conftest import overloads, signature_of, signatures

import cygcd

STUB = Path(cygcd.__file__).with_name("_core.pyi")
TREE = ast.parse(STUB.read_text(encoding="utf-8"))
# Python makes it out of the buffer protocol, from 3.12 on.
NOT_IN_MODULE = {("Data", "__buffer__"), ("Time", "__new__")}
INHERITED = {"__init__", "__new__", "__repr__", "__doc__", "__module__", "_pybind11_conduit_v1_"}


def functions(body):
    """Definitions by name, a list for the overloads."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
MEMBERS = [
    (owner, name, definitions)
    for owner, node in CLASSES.items()
    for name, definitions in functions(node.body).items()
    if (owner, name) not in NOT_IN_MODULE
]


def is_property(definition):
    return any(isinstance(each, ast.Name) and each.id == "property" for each in definition.decorator_list)


def documentation(node):
    return ast.get_docstring(node) or ""


@pytest.mark.parametrize(("owner", "name", "definitions"), MEMBERS, ids=[f"{row[0]}.{row[1]}" for row in MEMBERS])
def test_member_of_the_stub_is_in_the_module(owner, name, definitions):
    kind = getattr(cygcd._core, owner)
    member = inspect.getattr_static(kind, name)
    if is_property(definitions[0]):
        assert not callable(member)
        assert inspect.cleandoc(member.__doc__) == documentation(definitions[0])
        return
    bound = getattr(kind, name)
    assert isinstance(member, staticmethod) == any(
        isinstance(each, ast.Name) and each.id == "staticmethod" for each in definitions[0].decorator_list
    )
    assert [signature_of(each) for each in definitions] == signatures(bound)
    assert [documentation(each) for each in definitions] == [text for _, text in overloads(bound)]


@pytest.mark.parametrize(("name", "definitions"), functions(TREE.body).items())
def test_function_of_the_stub_is_in_the_module(name, definitions):
    bound = getattr(cygcd._core, name)
    assert [signature_of(each) for each in definitions] == signatures(bound)
    assert [documentation(each) for each in definitions] == [text for _, text in overloads(bound)]


@pytest.mark.parametrize("owner", CLASSES)
def test_class_of_the_stub_is_as_in_the_module(owner):
    kind = getattr(cygcd._core, owner)
    assert inspect.cleandoc(kind.__doc__) == documentation(CLASSES[owner])
    bases = [each.id for each in CLASSES[owner].bases]
    assert bases == [] or bases == [kind.__bases__[0].__name__]


@pytest.mark.parametrize("owner", CLASSES)
def test_every_member_of_the_module_is_in_the_stub(owner):
    stated = set(functions(CLASSES[owner].body))
    missing = {
        name
        for name, member in vars(getattr(cygcd._core, owner)).items()
        if name not in stated | INHERITED
        and (not name.startswith("_") or (member.__doc__ or "").startswith(f"{name}("))
    }
    assert missing == set()


def test_every_name_of_the_module_is_in_the_stub():
    stated = {node.name for node in TREE.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    stated |= {node.target.id for node in TREE.body if isinstance(node, ast.AnnAssign)}
    present = {name for name in vars(cygcd._core) if not name.startswith("__")} | {"__version__"}
    assert present == stated


def test_constants_of_the_stub_have_their_values():
    for node in TREE.body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            assert getattr(cygcd._core, node.target.id) == ast.literal_eval(node.value)


def test_package_is_marked_as_typed():
    assert STUB.with_name("py.typed").exists()
