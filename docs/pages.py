# SPDX-License-Identifier: MIT
"""Writes what `make docs` gives to Doxygen: pages.py FOLDER STYLE

FOLDER gets the Markdown pages with links that Doxygen understands, the Python reference out of the stub's docstrings,
the programs of examples, a Doxyfile and a header. STYLE is the folder of doxygen-awesome-css. A link to something that
isn't there is an error.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple, Union

ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "bindings" / "cygcd" / "_core.pyi"
SCRIPTS = {
    "darkmode-toggle": "DoxygenAwesomeDarkModeToggle",
    "fragment-copy-button": "DoxygenAwesomeFragmentCopyButton",
    "paragraph-link": "DoxygenAwesomeParagraphLink",
    "interactive-toc": "DoxygenAwesomeInteractiveToc",
}
STYLES = ["doxygen-awesome", "doxygen-awesome-sidebar-only", "doxygen-awesome-sidebar-only-darkmode-toggle"]

# The tree of pages: a name, its title if it is made here, and the pages below it.
GUIDES = ["usecase_audio", "usecase_image_video", "usecase_networking"]
COMING = ["libdispatch", "swift", "cygcd_0_1", "thread_pool_executor", "asio"]
TREE = {
    "guides": ("Guides", GUIDES),
    "coming_from": ("Coming from", COMING),
    "inside": ("Inside", ["guarantees", "design", "contributing"]),
}
Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class Names(NamedTuple):
    """The other two names of a Python name."""

    cpp: str
    libdispatch: str


# ---- the pages of the repository ---------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page_of(path: Path) -> str:
    return {"README.md": "mainpage", "CHANGELOG.md": "changelog"}.get(path.name, path.stem)


def outside_of_code(text: str) -> Iterator[tuple[bool, str]]:
    """The lines in pieces, each with whether it is code."""
    for index, piece in enumerate(re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)):
        yield index % 2 == 1, piece


def link(document: Path, page: str, match: "re.Match[str]") -> str:
    text, target = match[1], match[2]
    if re.match(r"https?:", target):
        return match[0]
    name, _, anchor = target.partition("#")
    path = (document.parent / name).resolve() if name else document
    if not path.exists():
        raise SystemExit(f"{document.relative_to(ROOT)}: there is no {name}")
    if path.suffix == ".md":
        headings = re.finditer("^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if anchor and anchor not in {slug(heading[1]) for heading in headings}:
            raise SystemExit(f"{document.relative_to(ROOT)}: there is no heading for {target}")
        there = page_of(path)
        return f"[{text}](@ref {there}{'_' + anchor if anchor else ''})"
    if path.is_relative_to(ROOT / "examples"):
        return f"[{text}](@ref examples)"
    return f"`{text}`" if "`" not in text else text


def convert(document: Path) -> str:
    page = page_of(document)
    seen: set[str] = set()

    def heading(match: "re.Match[str]") -> str:
        level, text = match[1], match[2]
        if level == "#":
            return f"# {text} {{#{page}}}"
        anchor = slug(text)
        if anchor in seen:
            return f"{level} {text}"
        seen.add(anchor)
        return f"{level} {text} {{#{page}_{anchor}}}"

    done = []
    for is_code, piece in outside_of_code(document.read_text(encoding="utf-8")):
        if is_code:
            piece = re.sub(r"\A```dot\n(.*)^```\Z", r"\\dot\n\1\\enddot", piece, flags=re.MULTILINE | re.DOTALL)
        else:
            piece = re.sub(r"^(#+) (.*)$", heading, piece, flags=re.MULTILINE)
            piece = re.sub(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)", lambda m: link(document, page, m), piece)
        done.append(piece)
    return re.sub(r"^</?t[a-z]+>.*\n", "", "".join(done), flags=re.MULTILINE)  # nothing side by side: it's too narrow


def examples() -> str:
    parts = ["# Examples {#examples}\n\nEach topic in both languages; every one is run by the tests.\n"]
    for source in sorted((ROOT / "examples" / "python").glob("*.py")):
        parts.append(f"## {source.stem} {{#example_{source.stem}}}\n")
        for language, path in [("py", source), ("cpp", ROOT / "examples" / "cpp" / f"{source.stem}.cpp")]:
            parts.append(f"`{path.relative_to(ROOT)}`\n\n```{{.{language}}}\n{path.read_text(encoding='utf-8')}```\n")
    return "\n".join(parts)


# ---- the Python reference ----------------------------------------------------------------------------------------


def mapping() -> "dict[str, Names]":
    """From docs/mapping.md: Python name to the C++ and libdispatch names of its row."""
    found = {}
    for line in (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8").splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            for name in cells[0]:
                cpp = ", ".join(each if each.startswith("gcd::") else f"`{each}`" for each in cells[1])
                found[name] = Names(cpp, ", ".join(f"`{each}`" for each in cells[2]))
    return found


def prose(docstring: str, arguments: "tuple[str, ...]" = ()) -> str:
    """A docstring as Markdown: names of code as code, a list of what is said of arguments; without its `See` line."""
    paragraphs = [" ".join(part.split()) for part in docstring.split("\n\n")]
    text = "\n\n".join(part for part in paragraphs if not re.fullmatch(r"See \w+\.", part))
    if arguments:
        text = re.sub(rf"(?:^|(?<=[.;)]) )({'|'.join(arguments)}): ", r"\n- `\1`: ", text)
        text = re.sub(r"(?<=\.) (?=[A-Z]\w+Error: )", "\n\n", text)
    text = re.sub(r"(?<!\w)([A-Z]\w+Error)(?=[: ,])", r"**\1**", text)
    text = re.sub(r"(?<![\w`])((?:\w+\.)?\w+\(\)|[A-Z]+_[A-Z_*]+|\w+=\w*)(?![\w`])", r"`\1`", text)
    return text.replace("@", "\\@").strip()


def signature(function: Function, owner: str) -> str:
    name = owner if function.name == "__init__" else function.name
    arguments = re.sub(r"^self(, /)?(, )?", "", ast.unparse(function.args))
    result = "" if function.name == "__init__" or function.returns is None else f" -> {ast.unparse(function.returns)}"
    line = f"{name}({arguments}){result}"
    if len(line) <= 80:
        return line
    parts = re.split(r", (?![^\[]*\])", arguments)
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def member(functions: "list[Function]", owner: str, names: "dict[str, Names]") -> str:
    """One method, property or function, with all its overloads."""
    first = functions[0]
    full = f"{owner}.{first.name}" if owner else first.name
    is_property = any(isinstance(each, ast.Name) and each.id == "property" for each in first.decorator_list)
    title = (first.name if first.name != "__init__" else owner).replace("__", "\\_\\_")
    signatures = (
        [f"{first.name}: {ast.unparse(first.returns) if first.returns else ''}"]
        if is_property
        else [signature(each, owner) for each in functions]
    )
    anchor = f"python_{full}".replace(".", "_").lower()
    text = [f"## {title} {{#{anchor}}}\n", "```{.py}\n" + "\n".join(signatures) + "\n```\n"]
    every = [argument.arg for each in functions for argument in [*each.args.args, *each.args.kwonlyargs]]
    text.append(prose(ast.get_docstring(first) or "", tuple(every)) + "\n")
    if full in names:
        text.append(counterparts(names[full]))
    return "\n".join(text)


def counterparts(names: Names) -> str:
    parts = [f"{kind}: {name}" for kind, name in [("C++", names.cpp), ("libdispatch", names.libdispatch)] if name]
    return f'<span class="counterpart">{" · ".join(parts)}</span>\n' if parts else ""


def overloads(body: "list[ast.stmt]") -> "list[list[Function]]":
    found: dict[str, list[Function]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef) and (ast.get_docstring(node) or node.name == "__init__"):
            found.setdefault(node.name, []).append(node)
    return list(found.values())


def python_pages() -> "dict[str, str]":
    names = mapping()
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    pages, rows = {}, []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            page = f"python_{node.name.lower()}"
            about = ast.get_docstring(node) or ""
            parts = [f"# cygcd.{node.name} {{#{page}}}\n", "[TOC]\n", prose(about) + "\n"]
            if node.name in names:
                parts.append(counterparts(names[node.name]))
            if node.bases and ast.unparse(node.bases[0]) == "Queue":
                parts.append("All methods of [Queue](@ref python_queue) are there too.\n")
            parts += [member(each, node.name, names) for each in overloads(node.body)]
            pages[page] = "\n".join(parts)
            rows.append((node.name, page, re.split(r"(?<=\.)\s", " ".join(about.split()))[0]))
    functions = [member(each, "", names) for each in overloads(tree.body)]
    pages["python_functions"] = "# Functions of cygcd {#python_functions}\n\n[TOC]\n\n" + "\n".join(functions)
    constants = [
        f"| `{node.target.id}` | {ast.unparse(node.value)} |"
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    ]
    pages["python_constants"] = "\n".join(
        ["# Constants of cygcd {#python_constants}\n", "| Name | Value |", "|---|---|", *constants, ""]
    )
    table = [f"| [{name}](@ref {page}) | {prose(first)} |" for name, page, first in rows]
    below = [f"- @subpage {page}" for page in pages]
    pages["python"] = "\n".join(["# Python reference {#python}\n", "| Class | |", "|---|---|", *table, "", *below, ""])
    return pages


# ---- the C++ reference -------------------------------------------------------------------------------------------

OBJECTS = [
    "queue",
    "workloop",
    "group",
    "semaphore",
    "once",
    "timer",
    "signal_source",
    "read_source",
    "write_source",
    "process_source",
    "source",
    "data",
    "io_channel",
    "time",
    "duration",
]


def cpp_page() -> str:
    """The objects and the free functions of mapping.md with their counterparts."""
    rows, functions = {}, []
    for line in (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8").splitlines():
        cells = line.strip().strip("|").split("|")
        names = re.findall(r"`gcd::(\w+)`", cells[1]) if len(cells) == 3 else []
        for name in names:
            if name in OBJECTS:
                rows[name] = f"| gcd::{name} | {cells[0]} | {cells[2]} |"
            else:
                functions.append(f"| gcd::{name} | {cells[0]} | {cells[2]} |")
    head = ["| C++ | Python | libdispatch |", "|---|---|---|"]
    objects = [rows[name] for name in OBJECTS if name in rows]
    return "\n".join(
        ["# C++ reference {#cpp}\n", "One include, `<gcd/gcd.hpp>`, or the header that stands at the class.\n", *head]
        + [*objects, "\n## Everything else {#cpp_else}\n", *head, *functions, ""]
    )


# ---- all of it ---------------------------------------------------------------------------------------------------


def main(folder: Path, style: Path) -> None:
    pages = folder / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    texts = {page_of(path): convert(path) for path in [ROOT / "README.md", ROOT / "CHANGELOG.md"]}
    texts.update((page_of(path), convert(path)) for path in (ROOT / "docs").rglob("*.md"))
    texts.update(python_pages())
    texts["examples"] = examples()
    texts["cpp"] = cpp_page()
    for name, (title, below) in TREE.items():
        texts[name] = "\n".join([f"# {title} {{#{name}}}\n", *[f"- @subpage {each}" for each in below], ""])
    order = ["mainpage", "faq", "guides", "coming_from", "cpp", "python", "examples", "mapping", "differences"]
    order += ["inside", "changelog"]
    listed = [*order, *(each for each in texts if each not in order)]
    for stale in pages.glob("*.md"):
        stale.unlink()
    for number, name in enumerate(listed):
        text = texts[name]
        if name in {"faq", "guarantees", "differences", "design", "contributing", *GUIDES}:
            text = re.sub(r"\A(# .*\n)", r"\1\n[TOC]\n", text)
        (pages / f"{number:02}_{name}.md").write_text(text, encoding="utf-8")

    (pages / "gcd.dox").write_text(
        "/** @namespace gcd\n * The library: handles, and functions beside them. See @ref cpp. */\n", encoding="utf-8"
    )
    write_header = ["doxygen", "-w", "html", "header.html", "footer.html", "style.css"]
    subprocess.run(write_header, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    header = folder / "header.html"
    begins = " ".join(f"{name}.init();" for name in SCRIPTS.values())
    tags = "".join(f'<script src="$relpath^doxygen-awesome-{name}.js"></script>\n' for name in SCRIPTS)
    tags += f"<script>{begins}</script>\n"
    header.write_text(header.read_text(encoding="utf-8").replace("</head>", tags + "</head>"), encoding="utf-8")

    config = (ROOT / "include" / "gcd" / "config.hpp").read_text(encoding="utf-8")
    version = re.search(r'GCD_VERSION_STRING "([0-9.]+)"', config)
    assert version
    values = {
        "ROOT": str(ROOT),
        "FOLDER": str(folder),
        "VERSION": version[1],
        "STYLES": " ".join(str(style / f"{name}.css") for name in STYLES),
        "SCRIPTS": " ".join(str(style / f"doxygen-awesome-{name}.js") for name in SCRIPTS),
    }
    text = (ROOT / "docs" / "Doxyfile.in").read_text(encoding="utf-8")
    (folder / "Doxyfile").write_text(re.sub("@([A-Z]+)@", lambda m: values[m[1]], text), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
