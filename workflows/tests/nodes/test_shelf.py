"""What all node types have in common."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from workflows.engine.parameters import filled
from workflows.nodes import shelf

SPRITE = Path(settings.ROOT) / "static" / "vendor" / "icons.svg"
ICONS = set(re.findall(r'id="([a-z0-9-]+)"', SPRITE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("node", list(shelf), ids=lambda node: node.key)
def test_a_node_type_has_an_icon_that_is_there(node):
    assert node.icon in ICONS


@pytest.mark.parametrize("node", list(shelf), ids=lambda node: node.key)
def test_every_version_fills_in_its_defaults(node):
    assert node.versions == tuple(sorted(node.versions))
    for version in node.versions:
        names = set(filled(node.fields_of(version), version, {}))
        assert names <= {field.name for field in node.fields_of(version)}
