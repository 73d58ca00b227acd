"""Finding and removing what the audit kept."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from cds_service.audit.files import files, purge, read_age, records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day, lines in {
        "2026-08-01": ['{"request_id":"a"}'],
        "2026-11-19": ['{"request_id":"b"}', '{"request_id":"c"}'],
        "2026-11-20": ['{"request_id":"b"}', "half a li"],
    }.items():
        (tmp_path / f"audit-{day}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "audit-notes.jsonl").write_text("mine\n")
    (tmp_path / "other.txt").write_text("mine\n")
    return tmp_path


def test_files_come_oldest_first_and_others_are_left_alone(folder: Path) -> None:
    assert [day for day, _ in files(folder)] == [date(2026, 8, 1), date(2026, 11, 19), date(2026, 11, 20)]


def test_records_of_all_days_one_day_or_one_request(folder: Path) -> None:
    assert len([*records(folder)]) == 5
    assert [*records(folder, day=date(2026, 11, 19))] == [b'{"request_id":"b"}', b'{"request_id":"c"}']
    assert [*records(folder, request_id="b")] == [b'{"request_id":"b"}'] * 2
    assert [*records(folder, day=date(2026, 11, 20), request_id="b")] == [b'{"request_id":"b"}']
    assert [*records(folder, request_id="z")] == []


def test_old_days_are_removed_and_nothing_else(folder: Path) -> None:
    gone = purge(folder, timedelta(days=90), date(2026, 11, 20))

    assert [path.name for path in gone] == ["audit-2026-08-01.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "audit-2026-11-19.jsonl", "audit-2026-11-20.jsonl", "audit-notes.jsonl", "other.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "left"), [(0, 1), (1, 2), (110, 2), (111, 3)])
def test_the_last_day_of_the_age_is_kept(folder: Path, days: int, left: int) -> None:
    purge(folder, timedelta(days=days), date(2026, 11, 20))

    assert len(files(folder)) == left


@pytest.mark.parametrize("text", ["90", "d", "-1d", "90 days", "9.5d", "999999d", ""])
def test_an_age_is_a_number_of_days(text: str) -> None:
    assert read_age("90d") == timedelta(days=90)
    with pytest.raises(ValueError, match="such as 90d"):
        read_age(text)
