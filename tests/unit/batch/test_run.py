"""A run over an export: the same answers as a hook gives, whole or resumed, in one process or several."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.batch import Options, open_export, run
from cds_service.batch.run import Job, review_partition, shared_resources, walk_all
from cds_service.core.errors import ConfigurationError
from cds_service.hooks import discovery
from cds_service.hooks.consult import respond
from cds_service.hooks.request import read_request
from cds_service.web.demo.hook_requests import hook_request
from cds_service.web.demo.stories import Story
from tests.serving import REVIEWS, a_desk
from tests.unit.batch.exports import STORIES, write_export, write_stories

OPTIONS = Options(date(2026, 11, 20), complete=True)


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def reviews_of_hook(story: Story) -> dict[str, Any]:
    """What order-sign answers, by order; orders that it does not recognise are left out."""
    body = hook_request(story, "order-sign")
    del body["fhirServer"]
    asked = read_request(orjson.dumps(body))
    answer = orjson.loads(respond(asked, discovery.BY_HOOK["order-sign"].id, a_desk()).body)
    return {review["order"]: review for review in answer.get("extension", {}).get(REVIEWS, [])}


def test_batch_and_hook_agree_on_every_patient(tmp_path: Path) -> None:
    summary = run(open_export([write_stories(tmp_path / "export")]), tmp_path / "out.ndjson", OPTIONS)
    found = {line["order"]: line for line in lines(tmp_path / "out.ndjson") if "determination" in line}
    expected = {order: review for story in STORIES for order, review in reviews_of_hook(story).items()}
    assert found.keys() == expected.keys()
    for order, review in expected.items():
        assert {name: value for name, value in found[order].items() if name != "patient"} == review
    assert summary.patients <= len(STORIES)
    assert summary.orders == len(lines(tmp_path / "out.ndjson"))
    assert summary.determinations["supported"] == sum(r["determination"] == "supported" for r in expected.values())


def test_partitions_and_processes_change_nothing(tmp_path: Path) -> None:
    export = open_export([write_stories(tmp_path / "export", STORIES[:6])])
    stages: dict[str, list[tuple[int, int]]] = {}
    run(export, tmp_path / "one.ndjson", OPTIONS)
    run(
        export,
        tmp_path / "many.ndjson",
        OPTIONS,
        workers=2,
        partition_bytes=20_000,
        progress=lambda stage, done, total: stages.setdefault(stage, []).append((done, total)),
    )
    one, many = lines(tmp_path / "one.ndjson"), lines(tmp_path / "many.ndjson")
    assert sorted(one, key=str) == sorted(many, key=str)
    assert stages["Reading"][-1] == (export.size, export.size)
    done, total = stages["Reviewing"][-1]
    assert done == total > 1
    assert not (tmp_path / "many.ndjson.parts").exists()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    export = open_export([write_stories(tmp_path / "export", STORIES[:6])])
    output = tmp_path / "out.ndjson"

    class Stop(Exception):
        pass

    def stop_after_two(stage: str, done: int, total: int) -> None:
        if stage == "Reviewing" and done == 2:
            raise Stop

    with pytest.raises(Stop):
        run(export, output, OPTIONS, partition_bytes=20_000, progress=stop_after_two)
    assert not output.exists()
    (tmp_path / "out.ndjson.parts" / "00099.unfinished").write_text("half a line")
    summary = run(export, output, OPTIONS, partition_bytes=20_000)
    assert summary.reused == 2
    run(export, tmp_path / "whole.ndjson", OPTIONS, partition_bytes=20_000)
    assert output.read_bytes() == (tmp_path / "whole.ndjson").read_bytes()


def test_parts_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    folder = write_stories(tmp_path / "export", STORIES[:2])
    output = tmp_path / "out.ndjson"
    parts = tmp_path / "out.ndjson.parts"
    parts.mkdir()
    (parts / "plan.json").write_text("another")
    with pytest.raises(ConfigurationError, match="--restart"):
        run(open_export([folder]), output, OPTIONS)
    assert run(open_export([folder]), output, OPTIONS, restart=True).reused == 0


def test_what_nobody_exported_is_not_read_as_absent(tmp_path: Path) -> None:
    story = next(story for story in STORIES if story.slug == "thoracic-xray-first")
    folder = write_stories(tmp_path / "export", [story])
    (folder / "DiagnosticReport.ndjson").unlink(missing_ok=True)
    run(open_export([folder]), tmp_path / "out.ndjson", Options(date(2026, 11, 20)))
    (line,) = lines(tmp_path / "out.ndjson")
    assert "DiagnosticReport" in line["not_read"]
    run(open_export([folder]), tmp_path / "out.ndjson", OPTIONS)
    assert "not_read" not in lines(tmp_path / "out.ndjson")[0]


def test_odd_lines_are_counted_and_a_missing_patient_is_named(tmp_path: Path) -> None:
    order = {"resourceType": "ServiceRequest", "id": "o", "status": "draft", "subject": {"reference": "Patient/lost"}}
    folder = write_export(tmp_path / "export", [order, {"resourceType": "Device", "id": "d"}])
    with (folder / "ServiceRequest.ndjson").open("ab") as stream:
        stream.write(b"not json\n\n[]\n" + orjson.dumps({**order, "id": "p", "status": "completed"}))
    summary = run(open_export([folder]), tmp_path / "out.ndjson", OPTIONS)
    assert (summary.unreadable_lines, summary.problems, summary.orders) == (2, 1, 0)
    assert lines(tmp_path / "out.ndjson") == [{"patient": "lost", "problem": "the export holds no Patient of this id"}]


def test_the_statuses_choose_the_orders(tmp_path: Path) -> None:
    story = STORIES[0]
    changed = [{**r, "status": "active"} if r["resourceType"] == "ServiceRequest" else r for r in story.resources]
    folder = write_export(tmp_path / "export", changed)
    assert run(open_export([folder]), tmp_path / "out.ndjson", OPTIONS).orders == 0
    active = Options(OPTIONS.today, frozenset({"active"}), complete=True)
    assert run(open_export([folder]), tmp_path / "out.ndjson", active).orders > 0


def test_a_drug_given_by_reference_is_looked_up_among_shared_resources(tmp_path: Path) -> None:
    shared = {"resourceType": "Medication", "id": "m1", "code": {"text": "x"}}
    own = {
        "resourceType": "MedicationRequest", "id": "r1", "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "https://ehr.example/fhir/Medication/m1"},
    }  # fmt: skip
    folder = write_export(tmp_path / "export", [shared, own, {"resourceType": "Patient", "id": "p1"}])
    job = Job(open_export([folder]), tmp_path, OPTIONS, ())
    found = walk_all(job.export, tmp_path, 1, None, lambda *_: None)
    assert found.types == {"Medication", "MedicationRequest", "Patient"}
    assert list(shared_resources(job.export, tmp_path)) == ["Medication/m1"]
    review_partition(job, 0)
    assert (tmp_path / "00000.ndjson").read_bytes() == b""


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.ndjson"):
        open_export([tmp_path])
    with pytest.raises(ConfigurationError, match="neither a file nor a folder"):
        open_export([tmp_path / "none"])
    (tmp_path / "Patient.ndjson.gz").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="unpack"):
        open_export([tmp_path / "Patient.ndjson.gz"])


def test_a_line_belongs_to_the_range_in_which_it_begins(tmp_path: Path) -> None:
    texts = [json.dumps({"resourceType": "Patient", "id": f"p{n}" * (n + 1)}) for n in range(30)]
    (tmp_path / "Patient.ndjson").write_text("\n".join(texts) + "\n\n")
    export = open_export([tmp_path])
    for size in (1, 7, 50, 10_000):
        found = [line.strip().decode() for span in export.ranges(size) for _, line in export.lines(*span)]
        assert found == texts
    places = [place for span in export.ranges(64) for place, _ in export.lines(*span)]
    assert [line.strip().decode() for line in export.read(places)] == texts
