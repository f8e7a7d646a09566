"""Convert to/from binary data: between an item's JSON and its files."""

import base64
import json as json_text
from typing import Any, ClassVar

import orjson

from workflows.engine.bounds import vet_values
from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, collection, flag, text
from workflows.engine.paths import field as field_of
from workflows.engine.paths import parts, put, without
from workflows.engine.values import UNDEFINED, plain
from workflows.nodes import shelf
from workflows.nodes.convert_to_file import from_base64
from workflows.nodes.files import blobs
from workflows.nodes.files.encodings import ENCODINGS, decoded, encoded
from workflows.nodes.files.kinds import extension_of

TO_JSON, TO_BINARY = {"mode": ["binaryToJson"]}, {"mode": ["jsonToBinary"]}
_PARTLY = {"/mode": ["binaryToJson"], "/setAllData": [False]}


@shelf.add
class MoveBinaryData(Node):
    """Move data between an item's JSON and its binary fields."""

    key = "n8n-nodes-base.moveBinaryData"
    label = "Convert to/from binary data"
    group = "Files"
    icon = "arrows-left-right"
    hint = "Extract from File and Convert to File do the same."
    versions = (1, 1.1)
    chunks = True
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "mode", "Mode",
            {"binaryToJson": "Binary to JSON", "jsonToBinary": "JSON to Binary"}, "binaryToJson",
        ),
        flag("setAllData", "Set All Data", True, when=TO_JSON),
        text("sourceKey", "Source Key", "data", required=True, when=TO_JSON),
        text(
            "destinationKey", "Destination Key", "data", required=True,
            when={**TO_JSON, "setAllData": [False]},
        ),
        flag("convertAllData", "Convert All Data", True, when=TO_BINARY),
        text(
            "sourceKey", "Source Key", "data", required=True,
            when={**TO_BINARY, "convertAllData": [False]},
        ),
        text("destinationKey", "Destination Key", "data", required=True, when=TO_BINARY),
        collection(
            "options", "Options",
            flag("addBOM", "Add Byte Order Mark (BOM)", when={"/mode": ["jsonToBinary"]}),
            flag("dataIsBase64", "Data Is Base64", when={"/mode": ["jsonToBinary"]}),
            choice("encoding", "Encoding", ENCODINGS, "utf8"),
            text("fileName", "File Name", when={"/mode": ["jsonToBinary"]}),
            flag("jsonParse", "JSON Parse", when=_PARTLY),
            flag("keepAsBase64", "Keep As Base64", when=_PARTLY),
            flag("keepSource", "Keep Source"),
            text(
                "mimeType", "MIME Type", "application/json", when={"/mode": ["jsonToBinary"]},
            ),
            flag("stripBOM", "Strip BOM", True, when={"/mode": ["binaryToJson"]}),
            flag("useRawData", "Use Raw Data", when={"/mode": ["jsonToBinary"]}),
        ),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Move the data of each item."""

        async def work(index: int, one: Item) -> Items:
            made = _to_binary if context.value("mode", index) == "jsonToBinary" else _to_json
            found = await made(context, index, one)
            return [] if found is None else [{**found, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


async def _to_json(context: Context, index: int, one: Item) -> Item | None:
    options = context.value("options", index, {}) or {}
    source = str(context.value("sourceKey", index) or "")
    if source not in (one.get("binary") or {}):
        return None  # an item without the file goes no further (n8n)
    data = await blobs.read(context, one, source)
    words = decoded(data, str(options.get("encoding") or ""), bom=options.get("stripBOM", True))
    if context.value("setAllData", index):
        found = _parsed(words)
        json: dict[str, Any] = found if isinstance(found, dict) else {"data": found}
    else:
        value = _parsed(words) if options.get("jsonParse") else words
        if options.get("keepAsBase64"):
            value = base64.b64encode(data).decode()
        target = str(context.value("destinationKey", index) or "data")
        json = put(one["json"], parts(target), value)
    binary = one.get("binary") if options.get("keepSource") else blobs.without(one, source)
    return {"json": json, **({"binary": binary} if binary else {})}


def _parsed(words: str) -> Any:
    vet_values(words, "The file")
    try:
        return orjson.loads(words)
    except ValueError as error:
        raise NodeError(f"The file's data is not valid JSON: {error}") from error


async def _to_binary(context: Context, index: int, one: Item) -> Item:
    options = context.value("options", index, {}) or {}
    everything = context.value("convertAllData", index)
    source = str(context.value("sourceKey", index) or "")
    found = one["json"] if everything else field_of(one["json"], source)
    if found is UNDEFINED or found is None:
        raise NodeError(f"The value in '{source}' is not set")
    mime = str(options.get("mimeType") or "")
    value = plain(found)
    if options.get("dataIsBase64") is True:
        data = from_base64(str(value))
    else:
        raw = isinstance(value, str) and options.get("useRawData") is True
        words = value if raw else json_text.dumps(value, separators=(",", ":"), ensure_ascii=False)
        mime = mime or "application/json"
        bom = options.get("addBOM") is True
        data = encoded(words, str(options.get("encoding") or ""), bom=bom)
    name = str(options.get("fileName") or "")
    if not name and context.version > 1:
        extension = extension_of(mime)
        name = f"file.{extension}" if extension else "file"
    record = await blobs.keep(context, data, mime=mime, name=name)
    field = str(context.value("destinationKey", index) or "data")
    kept = one["json"] if options.get("keepSource") else {}
    if not everything and not options.get("keepSource"):
        kept = without(one["json"], parts(source))
    return {"json": kept, "binary": {**(one.get("binary") or {}), field: record}}
