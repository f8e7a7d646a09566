"""Shelves of plug-ins."""

import sys
from typing import ClassVar

import pytest

from whoosh_site.core.shelf import Shelf, load_folder


class Plug:
    key: ClassVar[str]


def plug(name: str, key: str) -> type[Plug]:
    return type(name, (Plug,), {"key": key, "__qualname__": name})


def test_a_shelf_hands_out_classes_in_key_order():
    shelf: Shelf[Plug] = Shelf("plug")
    second, first = plug("Second", "b"), plug("First", "a")
    shelf.add(second)
    shelf.add(first)
    assert list(shelf) == [first, second]
    assert shelf.keys() == ["a", "b"]
    assert (len(shelf), shelf["b"]) == (2, second)


def test_a_decorated_class_stays_itself():
    shelf: Shelf[Plug] = Shelf("plug")
    found = plug("One", "a")
    assert shelf.add(found) is found


def test_a_key_twice_stops_the_start_and_names_both():
    shelf: Shelf[Plug] = Shelf("probe")
    shelf.add(plug("One", "cpu"))
    with pytest.raises(ValueError, match=r"two probes are called 'cpu': .*One.* and .*Other"):
        shelf.add(plug("Other", "cpu"))
    assert shelf["cpu"].__name__ == "One"


def test_the_same_class_may_be_added_again():
    shelf: Shelf[Plug] = Shelf("plug")
    shelf.add(plug("One", "a"))
    again = plug("One", "a")
    shelf.add(again)
    assert shelf["a"] is again


def test_two_files_with_a_class_of_one_name_are_still_two():
    shelf: Shelf[Plug] = Shelf("plug")
    copied = plug("One", "a")
    copied.__module__ = "workflows.nodes.copied"
    shelf.add(plug("One", "a"))
    with pytest.raises(ValueError, match=r"two plugs are called 'a'.*copied"):
        shelf.add(copied)


def test_an_unknown_key_is_none_or_a_key_error():
    shelf: Shelf[Plug] = Shelf("plug")
    assert shelf.get("none") is None
    assert "none" not in shelf
    with pytest.raises(KeyError):
        shelf["none"]


def test_a_file_in_the_folder_is_on_the_shelf(tmp_path, monkeypatch):
    folder = tmp_path / "plugs_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("found = []\n")
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(
            f"import plugs_of_a_test\nplugs_of_a_test.found.append('{name}')\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    package = __import__("plugs_of_a_test")
    load_folder(package)
    assert sorted(package.found) == ["one", "two"]
    for name in [name for name in sys.modules if name.startswith("plugs_of_a_test")]:
        monkeypatch.delitem(sys.modules, name)


def test_the_products_own_shelves_are_filled():
    from whoosh_site.core.config import sections
    from whoosh_site.core.health import questions
    from whoosh_site.core.runner import kinds

    assert {"database", "disk", "workers", "agents", "calls"} <= set(questions.keys())
    assert {"call", "health"} <= set(kinds.keys())
    assert {"agents", "cluster", "security"} <= set(sections.keys())
