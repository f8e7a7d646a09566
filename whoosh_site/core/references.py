"""References in whoosh.yaml: `${NAME}` inside a text, `{env: NAME}` or `{file: PATH}` for one.

Only the command line on the server resolves them; what they stand for is never written back.
"""

import os
import re
from pathlib import Path
from typing import Any

from whoosh_site.core import yamlfile
from whoosh_site.core.errors import BadInput

LARGEST = 65_536
"""Bytes of a file that holds one value."""
IN_TEXT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def is_reference(value: Any) -> bool:
    """Say whether a value stands for another one."""
    return _names_a_source(value) or (isinstance(value, str) and bool(IN_TEXT.search(value)))


def resolved(
    value: Any,
    path: yamlfile.Path,
    document: yamlfile.Document,
    found: dict[yamlfile.Path, Any],
    *,
    resolve: bool,
) -> Any:
    """Return the value with references replaced; `found` gets the originals by path.

    Raises:
        BadInput: a reference where none may be resolved, or to something that is not there.
    """
    if _names_a_source(value):
        found[path] = value
        _allowed(resolve, path, document)
        return (
            _from_file(value["file"], path, document)
            if "file" in value
            else _environment(value["env"], path, document)
        )
    if isinstance(value, dict):
        return {
            key: resolved(item, (*path, key), document, found, resolve=resolve)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            resolved(item, (*path, index), document, found, resolve=resolve)
            for index, item in enumerate(value)
        ]
    if isinstance(value, str) and IN_TEXT.search(value):
        found[path] = value
        _allowed(resolve, path, document)
        return IN_TEXT.sub(lambda match: _environment(match[1], path, document), value)
    return value


def _names_a_source(value: Any) -> bool:
    """Whether a value is `{env: NAME}` or `{file: PATH}`, and no agent called "env"."""
    if not isinstance(value, dict) or set(value) not in ({"env"}, {"file"}):
        return False
    return all(isinstance(name, str) for name in value.values())


def _allowed(resolve: bool, path: yamlfile.Path, document: yamlfile.Document) -> None:
    if not resolve:
        raise document.problem(
            path, "references are resolved only by 'manage.py load_config' on the server"
        )


def _environment(name: object, path: yamlfile.Path, document: yamlfile.Document) -> str:
    if not isinstance(name, str) or name not in os.environ:
        raise document.problem(path, f"the environment variable {name} is not set")
    return os.environ[name]


def _from_file(name: object, path: yamlfile.Path, document: yamlfile.Document) -> str:
    try:
        return yamlfile.small_text(Path(str(name)).expanduser(), LARGEST).strip()
    except (BadInput, RuntimeError) as error:  # RuntimeError: a home folder nobody has
        raise document.problem(path, f"cannot read {name}: {error}") from error
