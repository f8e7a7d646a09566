"""Write docs/reference from the running code, or say which files are out of date."""

import ast
import importlib
import inspect
import itertools
import json
import re
import textwrap
from argparse import Action
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils.regex_helper import normalize

from whoosh_site.core import manual, permissions, tunables
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.management.base import WhooshCommand

FOLDER = settings.ROOT / "docs" / "reference"
MADE = "<!-- Written by `manage.py reference`. Change the code, then run it again. -->"
INDENT = " " * 4
DEMAND = re.compile(r'demand\([^"()]*(?:\([^)]*\))?[^"()]*"([a-z]+\.[a-z]+)"')

# What settings.py reads: default, and what it is for. `_read_variables` finds any that is missing.
VARIABLES = {
    "WHOOSH_VAR": ("`var/` in the checkout", "Folder of the installation's state."),
    "WHOOSH_DEBUG": ("off", "Django's debug mode: for development only."),
    "WHOOSH_SECRET_KEY": (
        "`secret.key` in the state folder, made on first use",
        "Signs sessions, forms and queue messages; 32 random characters or more.",
    ),
    "WHOOSH_SECRET_KEY_FILE": ("none", "File that holds `WHOOSH_SECRET_KEY` instead."),
    "WHOOSH_FIELD_KEYS_FILE": (
        "`field.keys` in the state folder, made on first use",
        "File with the keys of the encrypted columns; named here, it is made there when missing.",
    ),
    "WHOOSH_ALLOWED_HOSTS": (
        "none",
        "Host names people use, with commas between them; this machine's own are always allowed.",
    ),
    "WHOOSH_BASE_URL": (
        "none",
        "Scheme and host under which people reach the installation, such as "
        "`https://whoosh.example.org`; https switches on secure cookies and HSTS.",
    ),
    "WHOOSH_HTTP_ALLOW": (
        "none",
        "Hosts, `host:port` or networks, with commas between them, that workflows may reach "
        "although they are not public.",
    ),
    "WHOOSH_FILE_ROOTS": (
        "none",
        "Folders, with commas between them, that the file nodes of workflows may touch; without "
        "any those nodes are off.",
    ),
    "WHOOSH_PROCESS": ("`command`", "`web` in the web process, which sets it itself."),
    "DATABASE_URL": (
        "`whoosh.sqlite3` in the state folder",
        "`sqlite:///PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.",
    ),
    "REDIS_URL": ("none", "`redis://HOST:PORT/NUMBER`: a cache that several web processes share."),
}
FOR_CHILDREN = {
    "Q_CLUSTER_NAME": "Which worker cluster a process belongs to.",
    "WHOOSH_BUILTIN_PORT": "Port of the built-in model on loopback.",
    "WHOOSH_BUILTIN_KEY": "Key of the built-in model, new at each start.",
}
FOR_SCRIPTS = {
    "PYTHON": "Interpreter that `scripts/up.sh` and `scripts/test.sh` make `.venv` with.",
    "WHOOSH_BROWSER": "Chromium of the browser tests; set by `scripts/test.sh` where it finds one.",
    "WHOOSH_SHOTS": "Folder for the browser tests' screenshots.",
    "WHOOSH_SECOND_MODEL": "A GGUF file for the test of two real models (else the built-in one).",
    "WHOOSH_HISTORIES": "How many random runs the test of cut-off runs makes (default 300).",
    "WHOOSH_CHAOS_KILLS": "How many processes the chaos test kills (default 6).",
    "WHOOSH_CHAOS_SEED": "Seed of the chaos test, to repeat a run.",
}

# What the framework's own views do, in our words.
VERBS = {
    "list": "List, newest first.",
    "retrieve": "One of them.",
    "create": "Add one.",
    "partial_update": "Change one.",
    "destroy": "Delete one.",
}
PAGE_WORDS = {
    "/login/": "Sign in.",
    "/logout/": "Sign out, by POST.",
    "/api/v1/schema/": "OpenAPI schema of the API.",
    "/api/v1/docs/": "Browser of the API.",
}


class Command(WhooshCommand):
    """The generated half of the documentation: it cannot differ from the code unnoticed."""

    help = "Write docs/reference from the running code; for developers."
    migrates = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Write, or only compare."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 naming files that differ"
        )
        parser.add_argument(
            "--output", type=Path, default=FOLDER, help="folder (default: docs/reference)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make every page, then write or compare."""
        folder = options["output"]
        made = {name: make() for name, make in PAGES.items()} | manual.pages()
        pages = {folder / f"{name}.md": text for name, text in made.items()}
        differ = [file for file, text in pages.items() if not _holds(file, text)]
        if options["check"] and differ:
            names = ", ".join(file.name for file in differ)
            raise WhooshError(f"Out of date: {names}. Run 'manage.py reference'.")
        for file in differ:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(pages[file], encoding="utf-8")
            self.stdout.write(f"wrote {file.name}")
        self.stdout.write(f"{len(pages)} pages are up to date")


def _holds(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


def _page(title: str, intro: str, *parts: str) -> str:
    return "\n\n".join([MADE, f"# {title}", _filled(intro), *parts]) + "\n"


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "–"


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


# -- settings and permissions ----------------------------------------------------------------------


def _settings() -> str:
    intro = (
        "What an administrator changes while the system runs: in the administration under "
        "*Settings*, by `PATCH /api/v1/settings/{key}/`, and some by "
        "[whoosh.yaml](../user/whoosh-yaml.md). Every process sees a change within two "
        "seconds."
    )
    rows = (
        (f"`{t.key}`", t.label, f"`{json.dumps(t.default)}`", _bounds(t), t.unit, t.help)
        for t in tunables.declared()
    )
    heads = ("Key", "Name", "Default", "From – to", "Unit", "What it does")
    return _page("Settings", intro, _table(heads, rows))


def _bounds(tunable: tunables.Tunable) -> str:
    if tunable.lowest is None and tunable.highest is None:
        return ""
    ends = (tunable.lowest, tunable.highest)
    return " – ".join("…" if end is None else f"{end:.12g}" for end in ends)


def _permissions() -> str:
    intro = (
        "One table for pages, API, administration and sockets. People signed in at the "
        "browser have every scope; an API key only those it was given. *Anybody* means: "
        "whoever may see the object."
    )
    rows = (
        (f"`{action}`", f"`{rule.scope.value}`", _who(rule))
        for action, rule in permissions.table().items()
    )
    return _page("Permissions", intro, _table(("Action", "Scope of a key", "Who"), rows))


def _who(rule: permissions.Rule) -> str:
    named = {permissions.ADMIN: "administrators", permissions.ANYBODY: "anybody"}
    return named.get(rule.role) or f"team {rule.role}"


# -- commands --------------------------------------------------------------------------------------


def _commands() -> str:
    intro = (
        "WHOOSH's own commands, run as `python manage.py COMMAND` with the Python of `.venv`. "
        "Exit codes: 0 done, 1 it ran and the thing failed, 2 bad arguments or bad input (one "
        "line on stderr, nothing changed). Django's own commands, such as `migrate`, "
        "`createsuperuser` and `changepassword`, work as usual."
    )
    ours = {config.name for config in apps.get_app_configs() if _is_ours(config.path)}
    names = sorted(name for name, app in get_commands().items() if app in ours)
    parts = [_command(name, load_command_class(get_commands()[name], name)) for name in names]
    return _page("Commands", intro, *parts)


def _is_ours(folder: str) -> bool:
    path = Path(folder).resolve()
    return path.is_relative_to(settings.ROOT) and ".venv" not in path.parts


def _command(name: str, command: BaseCommand) -> str:
    common = {text for action in _actions(BaseCommand()) for text in action.option_strings}
    actions = [a for a in _actions(command) if not common & set(a.option_strings)]
    usage = " ".join(["manage.py", name, *map(_usage, actions)])
    rows = [(f"`{_spelled(action)}`", _explained(action)) for action in actions]
    parts = [f"## {name}", command.help, f"```text\n{_filled(usage, INDENT)}\n```"]
    return "\n\n".join(parts + ([_table(("Argument", "What it does"), rows)] if rows else []))


def _actions(command: BaseCommand) -> list[Action]:
    return command.create_parser("manage.py", "x")._actions


def _usage(action: Action) -> str:
    return _spelled(action) if action.required else f"[{_spelled(action)}]"


def _spelled(action: Action) -> str:
    if not action.option_strings:
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
        return str(action.metavar or choices or action.dest.upper())
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{action.option_strings[-1]}{value}"


def _explained(action: Action) -> str:
    said = action.help or ""
    shown = action.default not in (None, "", False) and "default" not in said
    return f"{said} (default: {action.default})".strip() if shown else said


# -- addresses -------------------------------------------------------------------------------------


class Route(NamedTuple):
    """One pattern of the URL conf, ids in braces."""

    path: str
    view: Callable[..., Any]


def _urls() -> str:
    intro = (
        "Every address. Where a rule is named, [permissions](permissions.md) says who passes; "
        "what a caller may not see is 404, what they may see and not do is 403."
    )
    routes = [r for r in _walk(get_resolver().url_patterns) if not r.path.startswith("/admin/")]
    pages = [
        (f"`{path}`", _entry(view), PAGE_WORDS.get(path) or _first_line(inspect.unwrap(view)))
        for path, view in routes
        if not _is_resource(view)
    ]
    sockets = importlib.import_module(settings.ROOT_URLCONF).websockets
    live = [
        (f"`/{s.pattern}`", "signed in", _first_line(s.callback.consumer_class)) for s in sockets
    ]
    return _page(
        "Addresses",
        intro,
        "## Pages",
        _table(("Path", "Who", "What"), pages),
        "## Administration",
        "`/admin/` is for staff. An administrator sees everything there; other staff see what\n"
        "their teams own, where a rule is named.",
        _table(("Path", "Rule to look", "What"), _administered()),
        "## API",
        *_resources([route for route in routes if _is_resource(route.view)]),
        "## WebSockets",
        _table(("Path", "Who", "What"), live),
    )


def _walk(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[Route]:
    for found in patterns:
        path = before + _written(found.pattern)
        if isinstance(found, URLResolver):
            yield from _walk(found.url_patterns, path)
        else:
            yield Route(path, found.callback)


def _written(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern))
    text, _ = normalize(pattern.regex.pattern)[0]
    return re.sub(r"%\((\w+)\)s", r"{\1}", text)


def _is_resource(view: Callable[..., Any]) -> bool:
    return hasattr(view, "actions")


def _resources(routes: list[Route]) -> Iterator[str]:
    """Yield heading, words and table of each resource."""
    for view, group in itertools.groupby(routes, key=lambda route: route.view.cls):
        rows = [row for route in group for row in _methods(route)]
        name = rows[0][1].strip("`").split("/")[3]
        yield f"### {name}\n\n{_first_line(view)}"
        yield _table(("Method", "Path", "Rule", "What"), rows)


def _methods(route: Route) -> Iterator[tuple[str, str, str, str]]:
    view = route.view.cls
    for method, name in route.view.actions.items():
        if method in view.http_method_names:
            handler = getattr(view, name)
            rule = getattr(view, "rules", {}).get(name) or _demanded(handler)
            taken_over = name in VERBS and view.__module__ != handler.__module__
            own = "" if taken_over else _first_line(handler)
            yield method.upper(), f"`{route.path}`", f"`{rule}`", own or VERBS[name]


def _demanded(handler: Callable[..., Any]) -> str:
    """Return the rule a view asks for in its own words."""
    found = DEMAND.search(inspect.getsource(inspect.unwrap(handler)))
    return found[1] if found else ""


def _entry(view: Callable[..., Any]) -> str:
    """Say who may open a page: login_required leaves its mark on the view, or its class says."""
    framework = getattr(view, "cls", None)
    if framework is None and not hasattr(view, "redirect_field_name"):
        return "anybody"
    rule = _demanded(view) if inspect.isfunction(inspect.unwrap(view)) else ""
    if not rule:
        return str(getattr(framework, "who", "signed in"))
    return f"signed in, with `{rule}`" if rule.endswith(".view") else f"signed in; `{rule}` to send"


def _administered() -> Iterator[tuple[str, str, str]]:
    for model, page in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label):
        word = getattr(page, "word", "")
        path = f"`/admin/{model._meta.app_label}/{model._meta.model_name}/`"
        yield path, f"`{word}.view`" if word else "administrators", _first_line(type(page))


# -- environment -----------------------------------------------------------------------------------


def _environment() -> str:
    intro = (
        "Nothing needs to be set. `settings.py` reads these variables and names one that it "
        "cannot use. A yes/no variable takes 1, 0, true, false, yes, no, on or off."
    )
    read = _read_variables()
    strange = sorted(read ^ set(VARIABLES))
    if strange:
        raise WhooshError(f"{', '.join(strange)}: read in settings.py or described here, not both.")
    rows = [(f"`{name}`", *words) for name, words in VARIABLES.items()]
    return _page(
        "Environment variables",
        intro,
        _table(("Variable", "Default", "What it is for"), rows),
        "## Set by `up` for its children",
        _table(("Variable", "What it is for"), _named(FOR_CHILDREN)),
        "## For scripts and tests",
        _table(("Variable", "What it is for"), _named(FOR_SCRIPTS)),
    )


def _named(variables: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", words) for name, words in variables.items()]


def _read_variables() -> set[str]:
    """Return what settings.py asks the readers of env.py for."""
    module = importlib.import_module(settings.SETTINGS_MODULE)
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            reader, first = ast.unparse(node.func), (node.args or [None])[0]
            if reader.startswith("env.") and isinstance(first, ast.Constant):
                found.add(str(first.value))
                if reader == "env.secret":
                    found.add(f"{first.value}_FILE")
    return {name for name in found if name.isupper()}


PAGES = {
    "settings": _settings,
    "permissions": _permissions,
    "commands": _commands,
    "urls": _urls,
    "environment": _environment,
}
