"""The documentation is about this repository: links resolve, names exist, what can be generated is as generated.

Run as a program it writes the settings table of docs/architecture.md.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from footprints.settings import REPOSITORY, Settings

PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)
ROOTS = tuple(f"{name}/" for name in ("plugins", "dags", "sql", "expectations", "tests", "docs", ".ci", "footprints"))
EXAMPLE = "ors-passages"
"""The source that docs/add-a-source.md adds; its files are not in the repository."""


def pages() -> Iterator[Any]:
    for page in PAGES:
        yield pytest.param(page, id=str(page.relative_to(REPOSITORY)))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = FENCE.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", list(pages()))
def test_links_resolve(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", list(pages()))
def test_files_that_are_named_exist(page: Path) -> None:
    for code in CODE.findall(FENCE.sub("", page.read_text("utf-8"))):
        if not code.startswith(ROOTS) or " " in code or "<" in code or EXAMPLE in code:
            continue
        assert any(REPOSITORY.glob(code.rstrip("/"))), code


def test_functions_that_are_named_exist() -> None:
    text = (REPOSITORY / "docs/architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:[a-z_]+\.)+[A-Za-z_]+|[A-Z]\w+\.[a-z_]+)`", FENCE.sub("", text))
    modules: dict[str, list[str]] = {}
    classes: dict[str, list[str]] = {}
    for path in sorted((REPOSITORY / "plugins/footprints").rglob("*.py")):
        module = ".".join(path.relative_to(REPOSITORY / "plugins").with_suffix("").parts).removesuffix(".__init__")
        modules.setdefault(module.rsplit(".", 1)[-1], []).append(module)
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
    n_checked = 0
    for name in named:
        *places, last = name.split(".")
        if places[-1] in classes:
            assert last in classes[places[-1]], name
            n_checked += 1
        elif (places[-1] in modules and places[0] not in ("meta", "core", "trends")) or name == "trends.refresh":
            assert any(hasattr(importlib.import_module(module), last) for module in modules[places[-1]]), name
            n_checked += 1
    assert n_checked >= 15


def commands() -> dict[str, set[str]]:
    """The command line: command → its options."""
    from footprints.cli import app

    group: Any = typer.main.get_command(app)
    return {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
        | {"--help"}
        for name, command in group.commands.items()
    }


@pytest.mark.parametrize("page", list(pages()))
def test_commands_that_are_named_exist(page: Path) -> None:
    known = commands()
    text = page.read_text("utf-8")
    lines = [line for block in SHELL.findall(text) for line in block.splitlines()] + CODE.findall(FENCE.sub("", text))
    for line in lines:
        for used in re.findall(r"(?:^|[ ($])footprints ((?:[a-z]+)(?: [^`#)|]*)?)", line):
            command, *rest = used.split()
            assert command in known, line
            for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(rest)):
                assert option in known[command], line
    named = set(re.findall(r"^\| `footprints ([a-z]+)", text, re.MULTILINE))
    if page.name == "README.md":
        listed = {
            name
            for row in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
            for name in re.findall(r"`(?:footprints )?([a-z]+)", row)
            if name in known
        }
        assert named <= set(known)
        assert listed == set(known)


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_every_file_of_the_readme_is_in_the_repository() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    for dag in re.findall(r"`(\w+_\w+)`", re.findall(r"^\| `dags/` \|.*$", README, re.MULTILINE)[0]):
        assert not tracked or f"dags/{dag}.py" in tracked


README = (REPOSITORY / "README.md").read_text("utf-8")


def test_each_key_of_a_contract_is_explained() -> None:
    schema = json.loads((REPOSITORY / "expectations/contract.schema.json").read_text("utf-8"))
    page = (REPOSITORY / "docs/add-a-source.md").read_text("utf-8")
    reference = page[page.index("## The contract, key by key") :]
    words = {word for code in CODE.findall(reference) for word in re.findall(r"[a-z_]+[0-9]*", code)}
    keys: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            keys.update(node.get("properties", {}))
            for name, value in node.items():
                if name == "enum":
                    keys.update(str(item) for item in value if str(item).isidentifier())
                collect(value)
        elif isinstance(node, list):
            for item in node:
                collect(item)

    collect(schema)
    assert len(keys) > 60
    assert keys - words == set()


def dependencies() -> dict[str, str]:
    """Package → where pyproject.toml asks for it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {re.split(r"[\[<>=~! ]", entry)[0]: group for group, entries in groups.items() for entry in entries}


def test_each_dependency_is_explained() -> None:
    page = (REPOSITORY / "docs/dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    lock = dict(
        re.findall(
            r"^([\w-]+)(?:\[[^\]]*\])?==([\w.]+)", (REPOSITORY / "requirements.lock").read_text("utf-8"), re.MULTILINE
        )
    )
    assert {row[0] for row in rows} == set(dependencies())
    for name, version, _, _ in rows:
        assert f"{lock[name]}.".startswith(f"{version}."), f"{name}: the lock has {lock[name]}, the page {version}"


def test_debian_packages_are_explained() -> None:
    packages = [
        line for line in (REPOSITORY / ".ci/packages").read_text("utf-8").splitlines() if line and line[0] != "#"
    ]
    page = (REPOSITORY / "docs/dependencies.md").read_text("utf-8")
    assert all(f"`{package}`" in page for package in packages)
    if packages:
        assert "there are\nnone" not in page
        assert "at present there are none" not in README


def settings_table() -> str:
    """The settings as `settings.py` has them: variable, default, and the docstring under the field."""
    tree = ast.parse((REPOSITORY / "plugins/footprints/settings.py").read_text("utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        field = Settings.model_fields[name]
        variable = field.validation_alias or f"FOOTPRINTS_{name.upper()}"
        about = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            about = " ".join(str(after.value.value).split())
        lines.append(f"| `{variable}` | {_default(field)} | {about or OTHERS.get(name, '')} |")
    return "\n".join(lines) + "\n"


OTHERS = {
    "s3_endpoint": "Where the store is; left out for AWS itself.",
    "s3_access_key": "Access key of the store.",
    "s3_secret_key": "Secret key of the store.",
    "s3_region": "Region of the store.",
    "expectations_dir": "Contracts, maps and suites.",
    "sql_dir": "Migrations, trend tables, checks, roles.",
    "data_docs_dir": "Where the Data Docs are built.",
    "max_object_bytes": "A larger object is not taken.",
}


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "`$FOOTPRINTS_HOME/data-docs`"
    value = field.default
    if isinstance(value, Path):
        return f"`{value.relative_to(REPOSITORY)}/`"
    return "" if value in (None, "") else f"`{value}`"


def test_the_settings_table_is_that_of_the_settings() -> None:
    page = (REPOSITORY / "docs/architecture.md").read_text("utf-8")
    assert SETTINGS.sub(lambda m: m[1] + settings_table() + m[2], page) == page, (
        "docs/architecture.md is out of date: run python tests/unit/test_docs.py"
    )
    assert all(row.rstrip(" |").count("|") >= 3 for row in settings_table().splitlines()[2:]), "a setting without words"


if __name__ == "__main__":
    target = REPOSITORY / "docs/architecture.md"
    target.write_text(
        SETTINGS.sub(lambda m: m[1] + settings_table() + m[2], target.read_text("utf-8")), encoding="utf-8"
    )
