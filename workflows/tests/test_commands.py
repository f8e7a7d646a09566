"""import_workflow and export_workflow, as a shell runs them."""

import json
from pathlib import Path

import pytest

from workflows.models import Workflow
from workflows.tests.conftest import written

CASES = sorted((Path(__file__).parents[2] / "tests" / "n8n" / "roundtrip").glob("*.json"))


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path: `file("tides.json", text)`."""

    def made(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return made


def as_written(text):
    return json.loads(
        text, parse_int="int {}".format, parse_float="float {}".format, object_pairs_hook=list
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_was_imported_is_exported_with_its_keys_order_and_numbers(
    people, shell, tmp_path, case
):
    assert shell("import_workflow", str(case))[0] == 0
    out = tmp_path / "out.json"
    name = Workflow.objects.get().name
    assert shell("export_workflow", name, "--output", str(out)) == (0, "", "")
    assert as_written(out.read_text()) == as_written(case.read_text())


def test_a_workflow_without_a_name_goes_by_its_file(people, shell, file):
    code, out, _ = shell("import_workflow", file("tide table.json", '{"nodes": []}'))
    assert code == 0
    assert "tide table: created" in out
    assert "warning: nodes is empty" in out


def test_an_unreadable_file_changes_nothing(people, shell, file):
    good, bad = file("good.json", written()), file("bad.json", '{"nodes": 7}')
    code, out, err = shell("import_workflow", good, bad)
    assert (code, out) == (2, "")
    assert err.endswith(
        "bad.json: This is no workflow: nodes (line 1) has to be a list, but is a number.\n"
    )
    assert not Workflow.objects.exists()


def test_a_file_that_is_not_there_exits_2(people, shell):
    code, _, err = shell("import_workflow", "/no/such.json")
    assert code == 2
    assert "/no/such.json cannot be read: No such file" in err


def test_importing_again_makes_a_version_or_with_keep_both_another_workflow(people, shell, file):
    shell("import_workflow", file("a.json", written()), "--activate")
    assert "version 2" in shell("import_workflow", file("a.json", written(meta=1)))[1]
    assert (
        "Tides (2)" in shell("import_workflow", "--keep-both", file("a.json", written(meta=2)))[1]
    )
    tides = Workflow.objects.get(name="Tides")
    assert (tides.active.number, tides.current.number) == (1, 2)


def test_a_team_is_chosen_by_its_name(people, shell, file):
    assert shell("import_workflow", file("a.json", written()), "--team", "Others")[0] == 0
    assert Workflow.objects.get().team == people.theirs
    code, _, err = shell("import_workflow", file("a.json", written()), "--team", "Nobody")
    assert code == 2
    assert "no team is called 'Nobody'" in err


def test_an_export_goes_by_name_or_id_and_number(people, shell, file, keep):
    workflow = keep()
    keep(written(meta=1), same_name="version")
    assert '"meta": 1' in shell("export_workflow", str(workflow.pk))[1]
    assert '"meta"' not in shell("export_workflow", "Tides", "--number", "1")[1]
    code, _, err = shell("export_workflow", "Moon")
    assert code == 2
    assert "No workflow is called 'Moon'. There are: Tides." in err


def test_a_name_of_two_teams_needs_the_team(people, shell, keep):
    keep(), keep(team=people.theirs)
    code, _, err = shell("export_workflow", "Tides")
    assert code == 2
    assert f"Give --team: {people.ours.name}, Others." in err
    assert shell("export_workflow", "Tides", "--team", "Others")[0] == 0


def test_an_export_that_cannot_be_written_exits_2(people, shell, keep):
    keep()
    assert shell("export_workflow", "Tides", "--output", "/no/such/folder/a.json")[0] == 2
