"""Read PDF, and Extract from File with PDF."""

import asyncio
import io

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from workflows.engine.errors import NodeError
from workflows.nodes.extract_from_file import ExtractFromFile
from workflows.nodes.read_pdf import ReadPdf


def pdf(*texts, password=""):
    writer = pypdf.PdfWriter()
    names = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    font = DictionaryObject({NameObject(key): NameObject(name) for key, name in names.items()})
    fonts = DictionaryObject({NameObject("/F1"): font})
    for text in texts:
        page = writer.add_blank_page(200, 200)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = stream
    writer.add_metadata({"/Title": "Tale"})
    if password:
        writer.encrypt(password, algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.fixture
def holding(outside):
    def made(data):
        record = asyncio.run(outside.keep(data, mime="application/pdf"))
        return [{"json": {"kept": 1}, "binary": {"data": record}}]

    return made


def test_text_and_facts_are_read_and_the_file_stays(run, holding):
    (items,) = run(ReadPdf, {}, holding(pdf("Hello", "World")))
    json = items[0]["json"]
    assert (json["numpages"], json["text"], json["info"]["Title"]) == (2, "Hello\n\nWorld", "Tale")
    assert json["info"]["EncryptFilterName"] is None
    assert "data" in items[0]["binary"]


def test_an_encrypted_file_needs_its_password(run, holding):
    given = holding(pdf("Hello", password="open"))
    (items,) = run(ReadPdf, {"encrypted": True, "password": "open"}, given)
    assert items[0]["json"]["text"] == "Hello"
    for parameters in ({}, {"encrypted": True, "password": "guess"}):
        with pytest.raises(NodeError, match="the password does not open it"):
            run(ReadPdf, parameters, given)


def test_extract_from_file_chooses_pages(run, holding):
    options = {"maxPages": 2, "joinPages": False, "keepSource": "json"}
    given = holding(pdf("one", "two", "three"))
    (items,) = run(ExtractFromFile, {"operation": "pdf", "options": options}, given)
    json = items[0]["json"]
    assert (json["text"], json["numpages"], json["numrender"]) == (["one", "two"], 3, 2)
    assert (json["kept"], "binary" in items[0]) == (1, False)


def test_a_damaged_file_is_refused_and_the_others_are_read(run, holding):
    given = [*holding(b"%PDF-1.7 no more"), *holding(pdf("fine"))]
    (items,) = run(ReadPdf, {}, given, onError="continueRegularOutput")
    assert "could not be read" in items[0]["json"]["error"]
    assert items[1]["json"]["text"] == "fine"
