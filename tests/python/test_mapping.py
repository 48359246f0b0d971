# SPDX-License-Identifier: MIT
"""docs/mapping.md has a row for every public name of the module and of the headers, and no row for anything else."""

import re
from pathlib import Path

import pytest

import cygcd

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "include" / "gcd").rglob("*.hpp"))

# What source<Event> asks of the struct that describes an event; not meant to be called by users.
PLUMBING = {"config", "to_data", "handle_type", "timer_type", "data_type"}


def rows():
    """The table's rows as (Python names, C++ names, libdispatch names)."""
    for line in (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `") or line.startswith("| —"):
            cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip().strip("|").split("|")]
            assert len(cells) == 3, line
            yield cells


# ---- the headers -------------------------------------------------------------------------------------------------


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def balanced(text, at, opening, closing):
    """The index behind the bracket that closes the one at `at`."""
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == opening) - (text[index] == closing)
        if depth == 0:
            return index + 1
    raise AssertionError(f"unbalanced: {text[at : at + 60]}")


def statements(text):
    """The statements of a scope as (head, body), body being None where there are no braces to go into."""
    head, at = "", 0
    while at < len(text):
        if text.startswith("//", at):
            end = text.find("\n", at)
            head += text[at:end] + "\n"
            at = end + 1
            continue
        char = text[at]
        if char == "(":
            end = balanced(text, at, "(", ")")
            head += text[at:end]
            at = end
            continue
        if char == "{":
            end = balanced(text, at, "{", "}")
            plain = without_comments(head).strip()
            if re.match(r"(template\s*<[^{;]*>\s*)?(namespace|class|struct|enum)\b", plain) and "(" not in plain:
                yield head, text[at + 1 : end - 1]
                head = ""
            elif not re.match(r"\s*[,;{]", text[end:]):
                yield head, None
                head = ""
            at = end
            continue
        if char == ";":
            yield head, None
            head = ""
        elif char == ":" and head.split() and head.split()[-1] in ("public", "private", "protected"):
            yield head.rstrip() + ":", None
            head = ""
        else:
            head += char
        at += 1


def declared(text, scope="", kind="namespace"):
    """Pairs of a qualified public name and the doc comment above it. What is in `detail` is not public."""
    public = kind != "class"
    for head, body in statements(text):
        comment = "\n".join(re.findall(r"///[^\n]*", head))
        plain = re.sub(r"\[\[.*?\]\]", "", without_comments(head)).strip()
        if plain.endswith(("public:", "private:", "protected:")):
            public = plain.endswith("public:")
            continue
        if not public or not plain:
            continue
        if plain.startswith("namespace"):
            if "detail" not in plain:
                yield from declared(body, scope, "namespace")
            continue
        if plain.startswith("template"):
            start = plain.index("<")
            plain = plain[balanced(plain, start, "<", ">") :].strip()
        if plain.startswith("struct std::"):
            continue  # what the standard library asks for
        found = re.match(r"(class|struct|enum class)\s+(?:GCD_\w+\s+)?(\w+)", plain)
        if found:
            name = scope + found[2]
            yield name, comment
            if body is None:
                continue
            if found[1] == "enum class":
                for enumerator in without_comments(body).split(","):
                    if enumerator.strip():
                        yield f"{name}::{enumerator.split('=')[0].strip()}", ""
            else:
                yield from declared(body, name + "::", found[1])
            continue
        found = re.match(r"using\s+(\w+)\s*=", plain)
        if found:
            yield scope + found[1], comment
            continue
        if re.match(r"(friend|using|extern|static_assert)\b", plain) or "operator" in plain.split("(")[0]:
            if "operator()" in plain:
                yield scope + "operator()", comment
            continue
        plain = re.split(r"(?<![=!<>])=(?![=])", re.sub(r"\(.*", "(", plain, flags=re.DOTALL), maxsplit=1)[0].strip()
        found = re.search(r"([~:]*)\b(\w+)\s*\(?$", plain)
        if not found or found[1]:
            continue
        if scope and found[2] == scope.split("::")[-2]:
            yield scope[:-2], comment  # a constructor belongs to its class
        else:
            yield scope + found[2], comment


def header_names():
    """Public C++ names, each with the libdispatch names that its doc comments point to."""
    names = {}
    for header in HEADERS:
        text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", "", header.read_text(encoding="utf-8"), flags=re.MULTILINE)
        namespaces = "".join(f"{head}{{{body}}}" for head, body in statements(text) if "namespace gcd" in head)
        for name, comment in declared(namespaces):
            if name.split("::")[-1] in PLUMBING:
                continue
            names.setdefault("gcd::" + name, set()).update(re.findall(r"@see\s+((?:dispatch|DISPATCH|CF)\w+)", comment))
    return names


# ---- the tests ---------------------------------------------------------------------------------------------------


def python_names():
    for name in cygcd.__all__:
        yield name
        thing = getattr(cygcd, name)
        if isinstance(thing, type):
            for member in vars(thing):
                if not member.startswith("_"):
                    yield f"{name}.{member}"


def test_the_headers_are_understood():
    names = header_names()
    for name in [
        "gcd::queue",
        "gcd::queue::run_async",
        "gcd::queue_options::target",
        "gcd::qos::utility",
        "gcd::source::start",
        "gcd::read_async",
        "gcd::io_channel::unlimited",
        "gcd::once::operator()",
    ]:
        assert name in names
    assert names["gcd::queue::run_sync"] == {"dispatch_sync_f"}
    assert not [name for name in names if name.endswith("_") or "detail" in name]


def test_every_python_name_has_a_row():
    mapped = {name.split("(")[0] for python, _, _ in rows() for name in python}
    assert sorted(set(python_names()) - mapped) == []


@pytest.mark.parametrize("name", sorted({name.split("(")[0] for python, _, _ in rows() for name in python}))
def test_python_name_of_a_row_exists(name):
    thing = cygcd
    for part in name.split("."):
        assert hasattr(thing, part)
        thing = getattr(thing, part)


def test_every_cpp_name_has_a_row():
    mapped = {name for _, cpp, _ in rows() for name in cpp}
    assert sorted(set(header_names()) - mapped) == []


def test_every_cpp_name_of_a_row_exists():
    mapped = {name for _, cpp, _ in rows() for name in cpp}
    assert sorted(mapped - set(header_names()) - {"GCD_VERSION_STRING"}) == []
    assert "#define GCD_VERSION_STRING " in (ROOT / "include" / "gcd" / "config.hpp").read_text(encoding="utf-8")


def test_libdispatch_names_are_those_of_the_doc_comments():
    names = header_names()
    for _, cpp, libdispatch in rows():
        pointed_to = set().union(*(names.get(name, set()) for name in cpp))
        if pointed_to:
            assert set(libdispatch) == pointed_to, cpp


def test_no_row_stands_twice():
    seen = [tuple(map(tuple, row)) for row in rows()]
    assert len(seen) == len(set(seen))
