"""The documentation against the code: links, commands, settings, variables, the reference."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.core.management import get_commands
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agents.errors import AgentError
from agents.routing import costs
from whoosh_site.core import health

ROOT = Path(settings.ROOT)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
HAND_WRITTEN = [page for page in PAGES if ROOT / "docs" / "reference" not in page.parents]
WIDEST = 100
ELSEWHERE = re.compile(r"^[a-z]+:")
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
VARIABLE = re.compile(r"\b(?:WHOOSH_[A-Z_]+|DATABASE_URL|REDIS_URL|PYTHON|Q_CLUSTER_NAME)\b")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> list[Token]:
    """Return a page's tokens, those inside paragraphs and tables included."""
    found = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    return [token for outer in found for token in (outer, *(outer.children or ()))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as code forges make them."""
    found: list[str] = []
    rows = tokens(page)
    for here, following in zip(rows, rows[1:], strict=False):
        if here.type == "heading_open":
            words = "".join(part.content for part in following.children or ())
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            count = sum(re.fullmatch(rf"{slug}(-\d+)?", other) is not None for other in found)
            found.append(f"{slug}-{count}" if count else slug)
    return frozenset(found)


def links(page: Path) -> Iterator[str]:
    """Yield where a page's links and images lead."""
    for token in tokens(page):
        target = token.attrGet("href") or token.attrGet("src")
        if target:
            yield str(target)


def code(page: Path) -> str:
    """Return everything a page sets as code."""
    kinds = ("fence", "code_block", "code_inline")
    return "\n".join(token.content for token in tokens(page) if token.type in kinds)


@cache
def written(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def first_column(name: str) -> list[str]:
    """Return the names in the tables of a page of the reference."""
    text = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def our_commands() -> set[str]:
    folders = ROOT.glob("*/management/commands"), ROOT.glob("*/*/management/commands")
    files = [file for found in folders for folder in found for file in folder.glob("*.py")]
    return {file.stem for file in files if file.stem != "__init__"}


def reference(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the generator in a process of its own: tests of other rooms declare things here."""
    command = [sys.executable, "manage.py", "reference", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_reference_is_what_the_code_says():
    done = reference("--check")
    assert done.returncode == 0, done.stderr


def test_pages_of_the_reference_that_differ_are_named_and_exit_1(tmp_path):
    assert reference("--output", str(tmp_path)).returncode == 0
    (tmp_path / "settings.md").write_text("Something else.\n", encoding="utf-8")
    (tmp_path / "urls.md").unlink()
    done = reference("--check", "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Out of date: settings.md, urls.md.")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    dead = []
    for link in links(page):
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        lost = anchor and target.suffix == ".md" and anchor not in anchors(target)
        if not target.exists() or not target.is_relative_to(ROOT) or lost:
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_that_are_shown_exist(page):
    assert set(COMMAND.findall(code(page))) - {"help"} - set(get_commands()) == set()


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=named)
def test_lines_end_at_a_hundred_columns(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    free = ("|", "- [")  # tables, and entries of an index
    assert [x for x in lines if len(x) > WIDEST and not x.startswith(free)] == []


def test_every_page_is_in_the_index():
    pages = {page for page in PAGES if (ROOT / "docs") in page.parents}
    folders = ("README.md", "decisions/README.md", "reference/nodes.md")
    indexes = [ROOT / "docs" / name for name in folders]
    listed = {(index.parent / link).resolve() for index in indexes for link in links(index)}
    assert pages - listed <= {indexes[0]}


def test_every_command_is_in_the_reference_and_in_a_page_for_people():
    headings = {token for page in PAGES if page.stem == "commands" for token in anchors(page)}
    assert our_commands() - headings == set()
    text = written(*HAND_WRITTEN)
    assert {name for name in our_commands() if f"manage.py {name}" not in text} <= {"cluster"}


def test_every_setting_has_words_of_its_own():
    text = written(ROOT / "docs" / "admin" / "configuration.md")
    assert [key for key in first_column("settings") if f"`{key}`" not in text] == []


def test_the_seconds_of_routing_are_those_of_the_code():
    text = written(ROOT / "docs" / "user" / "agents.md").replace("−", "-")
    names = ("UNSKILLED", "PREFERRED", "STAY", "MISSES_TARGET", "FAILED_IT")
    wanted = {f"{getattr(costs, name):g}" for name in names}
    wanted |= {f"{seconds:g}" for seconds in costs.TROUBLED.values()}
    assert wanted - set(re.findall(r"\| (-?\d+)", text)) == set()


def test_every_error_of_an_agent_is_explained():
    codes = {AgentError.code, *(error.code for error in every_kind(AgentError))}
    text = written(ROOT / "docs" / "user" / "api.md")
    never_on_a_call = {"agent_error", "no_agent"}  # the root, and what makes a call wait
    assert {code for code in codes if f"`{code}`" not in text} <= never_on_a_call


def every_kind(error: type[AgentError]) -> set[type[AgentError]]:
    found = set(error.__subclasses__())
    return found.union(*(every_kind(kind) for kind in found))


def test_every_health_question_is_explained():
    text = written(ROOT / "docs" / "admin" / "health.md")
    keys = [question.key for question in health.questions]
    assert [key for key in keys if f"| `{key}` |" not in text] == []


def test_every_import_contract_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ids = [contract["id"] for contract in project["tool"]["importlinter"]["contracts"]]
    text = written(ROOT / "docs" / "developer" / "house.md")
    assert [name for name in ids if f"| `{name}` |" not in text] == []


def environment_of(file: Path) -> set[str]:
    """Return the variables a Python file asks for by name; for scripts, those they mention."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sh":
        lines = [line.partition("#")[0] for line in text.splitlines()]
        return set(VARIABLE.findall("\n".join(lines)))
    strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    return {word for word in strings if isinstance(word, str) and VARIABLE.fullmatch(word)}


def test_every_environment_variable_is_documented():
    files = [*ROOT.glob("scripts/*.sh"), *ROOT.glob("whoosh_site/*.py"), *ROOT.glob("agents/*.py")]
    files += [*ROOT.glob("tests/browser/*.py"), *ROOT.glob("tests/process/*.py")]
    asked = {name for file in files for name in environment_of(file)}
    assert asked - set(first_column("environment")) == set()
    assert {"WHOOSH_VAR", "DATABASE_URL", "PYTHON", "WHOOSH_BROWSER"} <= asked
