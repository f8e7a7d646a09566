"""Compression: files into archives, archives into files."""

import asyncio
from typing import ClassVar

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, before, choice, since, text
from workflows.nodes import shelf
from workflows.nodes.files import archives, blobs

FORMATS = {"gzip": "Gzip", "tar": "Tar", "tar.gz": "Tar (Gzip)", "zip": "Zip"}
OTHER_NAMES = {"tgz": "tar.gz", "targz": "tar.gz", "tarGz": "tar.gz", "": "zip"}
COMPRESS, DECOMPRESS = {"operation": ["compress"]}, {"operation": ["decompress"]}
OLD_GZIP = {**COMPRESS, "outputFormat": ["gzip"]}
OTHERS = {**COMPRESS, "outputFormat": ["", "zip", "tar", "tar.gz"]}
MIMES = {
    "gzip": "application/gzip",
    "tar": "application/x-tar",
    "tar.gz": "application/gzip",
    "zip": "application/zip",
}


@shelf.add
class Compression(Node):
    """Pack files into an archive, or unpack one; names inside an archive never become paths."""

    key = "n8n-nodes-base.compression"
    label = "Compression"
    group = "Files"
    icon = "file-zip"
    versions = (1, 1.1)
    chunks = True
    fields: ClassVar[tuple[Field, ...]] = (
        choice(
            "operation", "Operation",
            {"compress": "Compress", "decompress": "Decompress"}, "decompress", literal=True,
        ),
        text(
            "binaryPropertyName", "Input Binary Field(s)", "data", required=True,
            hint="Several are separated by commas.",
        ),
        choice("outputFormat", "Output Format", FORMATS, "", when=COMPRESS, versions=before(1.1)),
        choice("outputFormat", "Output Format", FORMATS, "zip", when=COMPRESS, versions=since(1.1)),
        text("fileName", "File Name", when=OTHERS, versions=before(1.1)),
        text("fileName", "File Name", when=COMPRESS, versions=since(1.1)),
        text(
            "binaryPropertyOutput", "Put Output File in Field", "data", when=OTHERS,
            versions=before(1.1),
        ),
        text(
            "binaryPropertyOutput", "Put Output File in Field", "data", when=COMPRESS,
            versions=since(1.1),
        ),
        text(
            "outputPrefix", "Output Prefix", "data", required=True, when=OLD_GZIP,
            versions=before(1.1),
        ),
        text("outputPrefix", "Output Prefix", "file_", required=True, when=DECOMPRESS),
    )  # fmt: skip

    async def run(self, context: Context) -> Outputs:
        """Pack or unpack the files of each item."""

        async def work(index: int, one: Item) -> Items:
            fields = str(context.value("binaryPropertyName", index) or "data").split(",")
            files = []
            for field in (part.strip() for part in fields):
                name = str(blobs.record_of(one, field).get("fileName") or field)
                files.append(archives.File(name, await blobs.read(context, one, field)))
            pack = context.value("operation", index) == "compress"
            made = await (_packed if pack else _unpacked)(context, index, files)
            return [{"json": one["json"], "binary": made, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


async def _packed(context: Context, index: int, files: list[archives.File]) -> dict[str, object]:
    form = str(context.value("outputFormat", index) or "")
    form = OTHER_NAMES.get(form, form)
    if form not in FORMATS:
        raise NodeError(f"The output format {form!r} is not there.")
    name = str(context.value("fileName", index) or "")
    field = str(context.value("binaryPropertyOutput", index) or "data")
    if form != "gzip":
        data = await asyncio.to_thread(archives.pack, files, form)
        name = name or f"archive.{form}"
        return {field: await blobs.keep(context, data, mime=MIMES[form], name=name)}
    made: dict[str, object] = {}
    for place, file in enumerate(files):
        data = await asyncio.to_thread(archives.pack, [file], form)
        if context.version < 1.1:
            target = f"{context.value('outputPrefix', index)}{place}"
        else:
            target = f"{field}_{place}" if place else field
        own = name if name and not place else f"{file.name}.gz"
        made[target] = await blobs.keep(context, data, mime=MIMES[form], name=own)
    return made


async def _unpacked(context: Context, index: int, files: list[archives.File]) -> dict[str, object]:
    prefix = str(context.value("outputPrefix", index) or "")
    made: dict[str, object] = {}
    left = archives.MOST_BYTES
    for file in files:
        found = await asyncio.to_thread(archives.unpack, file, left)
        left -= sum(len(one.data) for one in found)
        for one in found:
            made[f"{prefix}{len(made)}"] = await blobs.keep(context, one.data, name=one.name)
    return made
