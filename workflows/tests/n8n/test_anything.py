"""Whatever a document holds, it is refused with a reason or read, linted, drawn and compared."""

import contextlib
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from whoosh_site.core.errors import BadInput
from workflows.engine.document import Document
from workflows.engine.node import Node
from workflows.n8n.differing import difference
from workflows.n8n.lint import lint
from workflows.n8n.picture import draw
from workflows.n8n.reading import read_all
from workflows.tests.n8n.test_lint import KINDS

NAMES = st.sampled_from(["A", "B", "1", "", "nan", "A\x00", "\ud83d", "x" * 300])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES | st.just("={{ $('B') }}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from([*KINDS, "n8n-nodes-base.stickyNote", "x.unheardOf", "n8n-nodes-base.if"])
LATER = (
    "id", "typeVersion", "position", "parameters", "credentials", "maxTries", "waitBetweenTries",
    "onError", "disabled", "retryOnFail",
)  # fmt: skip
NODES = st.fixed_dictionaries(
    {"name": NAMES | VALUES, "type": TYPES | VALUES}, optional=dict.fromkeys(LATER, VALUES)
)
ENDS = st.fixed_dictionaries({"node": NAMES | VALUES}, optional={"index": VALUES, "type": VALUES})
KIND = st.sampled_from(["main", "ai_tool", "odd"])
OUTPUTS = st.dictionaries(KIND, st.lists(st.lists(ENDS | VALUES, max_size=2), max_size=3) | VALUES)
DOCUMENTS = st.fixed_dictionaries(
    {"nodes": st.lists(NODES | VALUES, max_size=5) | VALUES},
    optional={
        "connections": st.dictionaries(NAMES, OUTPUTS | VALUES, max_size=4) | VALUES,
        "settings": VALUES, "pinData": VALUES, "staticData": VALUES, "name": VALUES,
        "tags": VALUES, "id": VALUES,
    },
)  # fmt: skip


class Picky(Node):
    """Raises when its parameters are not what it expects."""

    key = "x.picky"
    label = "Picky"

    @classmethod
    def outputs_of(cls, parameters, version):
        return tuple(str(one["name"]) for one in parameters["rules"]["values"])

    inputs_of = needed_inputs = outputs_of


def sane(document):
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return None


@given(DOCUMENTS, DOCUMENTS)
def test_any_document_is_read_or_refused(one, other):
    read = []
    for document in (one, other):
        with contextlib.suppress(BadInput):
            if text := sane(document):
                read += read_all(text)
    for found in read:
        document = Document(found.document)
        findings = list(lint(document, KINDS | {"x.picky": Picky}))
        for finding in (*findings, *found.findings):
            "".join(finding.as_dict().values()).encode()
        picture = draw(document, KINDS | {"x.picky": Picky}, lambda spec: "box", {})
        assert all(math.isfinite(one.x + one.y + one.width) for one in picture.boxes)
        assert math.isfinite(picture.width + picture.height)
        (found.name + found.origin + "".join(found.tags) + found.text).encode()
    if len(read) == 2:
        difference(*read)


def test_a_node_whose_declaration_cannot_read_it_is_drawn_all_the_same():
    node = {"name": "A", "type": "x.picky", "parameters": {"rules": "no"}}
    document = Document({"nodes": [node], "connections": {}})
    assert len(draw(document, {"x.picky": Picky}, lambda spec: "box", {}).boxes) == 1
    assert list(lint(document, {"x.picky": Picky}))


def test_half_a_character_in_doubly_encoded_json_is_kept_as_an_escape():
    inner = '{"nodes": [], "name": "a", "x": "\\ud83d"}'
    outer = json.dumps(json.loads(json.dumps(inner)).replace("\\ud83d", "\ud83d"))
    (found,) = read_all(outer)
    assert found.text == inner
