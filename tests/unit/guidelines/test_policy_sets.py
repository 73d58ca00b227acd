"""Policy sets: chosen by payer and date, and refused as a whole when a line is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cds_service.core.determination import Policy, PolicyReason
from cds_service.core.errors import GuidelineError
from cds_service.guidelines.policy_sets import PolicySets, load_policy_sets

FAMILIES = ("adult-spine", "spine-summary")
DEFAULT = "{id: everyone, title: Everyone, documents: [adult-spine, spine-summary], in_force: {}, payers: []}"
ACME = ("urn:oid:2.16.840.1.113883.6.300", "12345")
DAY = date(2027, 3, 1)


def a_set(name: str, force: str, value: str = "12345", documents: str = "[adult-spine]") -> str:
    payers = f"[{{system: 'urn:oid:2.16.840.1.113883.6.300', value: '{value}'}}]"
    return f"{{id: {name}, title: {name}, documents: {documents}, in_force: {force}, payers: {payers}}}"


def loaded(folder: Path, *sets: str) -> PolicySets:
    path = folder / "policy_sets.yaml"
    path.write_text("policy_sets:\n" + "".join(f"- {entry}\n" for entry in sets))
    return load_policy_sets(path, FAMILIES)


class TestChoice:
    def test_one_set_judges_whoever_pays(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, DEFAULT).choose((ACME,), DAY) == Policy("everyone", PolicyReason.ONLY_ONE)

    @pytest.mark.parametrize(
        ("payers", "chosen", "because"),
        [
            ((ACME,), "acme", PolicyReason.PAYER),
            ((("urn:other", "12345"),), "everyone", PolicyReason.NO_SET_FOR_PAYER),
            ((("urn:other", "1"), ACME), "acme", PolicyReason.PAYER),
            ((), "everyone", PolicyReason.PAYER_UNKNOWN),
            (None, "everyone", PolicyReason.PAYER_NOT_READ),
        ],
    )
    def test_the_payer_decides(
        self, tmp_path: Path, payers: tuple[tuple[str, str], ...] | None, chosen: str, because: PolicyReason
    ) -> None:
        sets = loaded(tmp_path, DEFAULT, a_set("acme", "{from: '2027-01-01', to: '2027-12-31'}"))

        assert sets.choose(payers, DAY) == Policy(chosen, because)

    @pytest.mark.parametrize(
        ("day", "chosen"),
        [("2026-12-31", "everyone"), ("2027-01-01", "acme"), ("2027-12-31", "acme"), ("2028-01-01", "everyone")],
    )
    def test_a_set_is_for_the_orders_of_its_days(self, tmp_path: Path, day: str, chosen: str) -> None:
        sets = loaded(tmp_path, DEFAULT, a_set("acme", "{from: '2027-01-01', to: '2027-12-31'}"))
        found = sets.choose((ACME,), date.fromisoformat(day))

        assert found.id == chosen
        assert (found.because is PolicyReason.NOT_IN_FORCE) == (chosen == "everyone")

    def test_the_next_year_of_a_payer_is_another_set(self, tmp_path: Path) -> None:
        sets = loaded(tmp_path, DEFAULT, a_set("old", "{to: '2027-02-28'}"), a_set("new", "{from: '2027-03-01'}"))

        assert sets.choose((ACME,), DAY).id == "new"
        assert sets.choose((ACME,), date(2027, 2, 28)).id == "old"


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        ([a_set("acme", "{}")], "one set must name no payer"),
        ([DEFAULT, DEFAULT.replace("everyone", "all")], "which is the default"),
        ([DEFAULT, a_set("everyone", "{}")], "stands twice"),
        ([DEFAULT, a_set("acme", "{}"), a_set("other", "{from: '2030-01-01'}")], "both judge for payer 12345"),
        ([DEFAULT, a_set("acme", "{}", documents="[adult-spine-2026]")], "unknown document adult-spine-2026"),
        ([DEFAULT, a_set("acme", "{}", documents="[]")], "names no document"),
        ([DEFAULT, a_set("acme", "{from: '2027-02-30'}")], "days, such as"),
        ([DEFAULT, a_set("acme", "{from: '2027-02-02', to: '2027-02-01'}")], "before it begins"),
        ([DEFAULT, a_set("acme", "{since: '2027-02-02'}")], "unknown key since"),
        ([DEFAULT.replace("{}", "{from: '2027-01-01'}")], "always in force"),
        ([DEFAULT, a_set("acme", "{}").replace("value", "code")], "missing value"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, sets: list[str], problem: str) -> None:
    with pytest.raises(GuidelineError, match=problem) as fault:
        loaded(tmp_path, *sets)
    assert str(fault.value).startswith("policy_sets.yaml:")
