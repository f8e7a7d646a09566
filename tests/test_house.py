"""The house rules hold: rooms, sizes, pins, vendored files, and a test for every name."""

import ast
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.process.installation import ROOT
from whoosh_site.core import tunables

ROOMS = ("whoosh_site", "agents", "workflows", "projects", "monitoring")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

PLANTED = {
    "stairs": ("whoosh_site/core/shelf.py", "import agents.errors"),
    "inside-agents": ("agents/protocols/base.py", "import agents.services.hosts"),
    "inside-projects": ("projects/prompts.py", "import projects.services.handling"),
    "thinking": ("agents/routing/costs.py", "import django.utils.timezone"),
    "protocols": ("agents/protocols/ollama.py", "import agents.models"),
    "doors": ("projects/__init__.py", "import agents.protocols"),
    "queue": ("agents/services/calls.py", "import django_q.tasks"),
    "http": ("agents/services/hosts.py", "import httpx"),
    "channels": ("agents/live.py", "import channels.layers"),
}
"""One wrong line for each contract, by its id."""

FILE_WALL, FUNCTION_WALL, TEMPLATE_WALL = 500, 50, 150


def sources() -> Iterator[Path]:
    """Every Python file of the project, migrations left out."""
    for path in (ROOT / room for room in (*ROOMS, "tests", "benchmarks")):
        yield from (p for p in path.rglob("*.py") if "migrations" not in p.parts)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts on a copy of the project."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the rooms and their contracts."""
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "tests")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


# -- rooms -------------------------------------------------------------------------------------


def test_every_contract_has_a_planted_violation():
    assert set(PLANTED) == {contract["id"] for contract in CONTRACTS["contracts"]}


def test_the_contracts_hold(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("contract", CONTRACTS["contracts"], ids=lambda c: c["id"])
def test_a_contract_catches_a_planted_violation(copy, contract):
    file, line = PLANTED[contract["id"]]
    path = copy / file
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode != 0
    assert f"{contract['name']} BROKEN" in done.stdout
    assert file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") in done.stdout


def test_every_room_stands_in_the_contracts():
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "benchmarks"} == set(ROOMS)
    assert set(CONTRACTS["root_packages"]) == set(ROOMS)
    layers = " ".join(CONTRACTS["contracts"][0]["layers"])
    assert all(room in layers for room in ROOMS)


# -- sizes -------------------------------------------------------------------------------------


def test_every_test_is_run_and_every_room_counted_by_the_gate():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    rooms = {path.relative_to(ROOT).parts[0] for path in sources() if "tests" in path.parts}
    assert set(settings["pytest"]["ini_options"]["testpaths"]) >= rooms
    assert set(settings["coverage"]["run"]["source"]) >= rooms - {"tests"}


def worst(sizes: list[tuple[int, str]], wall: int) -> str:
    """Return the ten largest as lines, or nothing while all keep below the wall."""
    largest = sorted(sizes, reverse=True)[:10]
    return "\n".join(f"{n:5} {where}" for n, where in largest) if largest[0][0] > wall else ""


def test_no_file_is_longer_than_the_wall():
    sizes = [(len(p.read_text().splitlines()), str(p.relative_to(ROOT))) for p in sources()]
    assert worst(sizes, FILE_WALL) == ""


def test_no_function_is_longer_than_the_wall():
    sizes = [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert worst(sizes, FUNCTION_WALL) == ""


def test_no_template_is_longer_than_the_wall():
    found = (ROOT / "templates").rglob("*.html")
    sizes = [(len(p.read_text().splitlines()), str(p.relative_to(ROOT))) for p in found]
    assert worst(sizes, TEMPLATE_WALL) == ""


# -- what others made ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "folder", ["static/vendor", "tests/browser/vendor", "workflows/scripts/js/vendor"]
)
def test_vendored_files_are_the_ones_that_were_vendored(folder):
    listed = json.loads((ROOT / folder / "VENDOR.json").read_text())
    for entry in listed:
        content = (ROOT / folder / entry["file"]).read_bytes()
        assert len(content) == entry["bytes"], entry["file"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
        assert entry["licence"]
    names = {entry["file"] for entry in listed}
    found = {p.name for p in (ROOT / folder).iterdir() if p.suffix in (".js", ".css", ".svg")}
    assert found == names


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda p: p.name)
def test_every_requirement_is_pinned_and_says_why(path):
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#-"]
    assert lines
    assert [
        line for line in lines if not re.fullmatch(r"[\w.\[\],-]+==[\w.]+  # .{5,}", line)
    ] == []


def test_every_requirement_stands_in_the_constraints():
    pinned = set((ROOT / "constraints.txt").read_text().lower().replace("-", "_").split())
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and line[0] not in "#-":
                package, _, version = line.split()[0].partition("==")
                name = package.partition("[")[0].replace("-", "_")
                assert f"{name}=={version}".lower() in pinned, line


# -- names ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tested() -> str:
    """The text of all tests."""
    here = Path(__file__)
    return "\n".join(
        p.read_text() for p in sources() if p.name.startswith(("test_", "conftest")) and p != here
    )


def test_every_command_has_a_test(tested):
    ours = {name for name, app in get_commands().items() if app.split(".")[0] in ROOMS}
    assert {name for name in ours if f'"{name}"' not in tested} == set()


def test_every_setting_has_a_test(tested):
    assert {t.key for t in tunables.declared() if f'"{t.key}"' not in tested} == set()


def test_signals_are_heard_in_receivers_and_declared_in_signals_only():
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "tests" not in path.parts
        and path.name not in ("receivers.py", "apps.py", "signals.py")
        and re.search(r"@receiver\b|\.connect\(receiver|Signal\(\)", path.read_text())
    ]
    assert wrong == []
