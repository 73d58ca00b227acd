"""Clients configure themselves from discovery once, so what it says may grow and never change."""

import re
from pathlib import Path

import orjson
import pytest

from cds_service.hooks import discovery
from cds_service.hooks.chart_keys import MOST_KEYS, TABLE, keys_for
from cds_service.web.desk import types_read

GOLDEN = Path(__file__).with_name("discovery.golden.json")


@pytest.mark.proves("CH-DISC-11")
def test_ids_keys_and_templates_are_those_that_clients_know() -> None:
    assert discovery.describe(types_read()) == orjson.loads(GOLDEN.read_bytes())


@pytest.mark.proves("CH-PF-01", "CH-PF-02", "CH-PF-03", "CH-PF-06", "CH-PF-07")
def test_templates_stay_in_the_subset_that_every_client_can_fill() -> None:
    for row in TABLE:
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{.+\}\}|\?.+)", row.template)
        assert re.findall(r"\{\{(.*?)\}\}", row.template) == ["context.patientId"]
        names = re.findall(r"[?&]([^=]+)=", row.template)
        assert len(names) == len(set(names)), "clients join repeated parameters into one"
        assert set(names) <= {"patient", "_count", "_sort"}


@pytest.mark.proves("CH-PF-08")
def test_keys_are_few_and_unique() -> None:
    assert len(TABLE) <= MOST_KEYS
    assert len({row.key for row in TABLE}) == len(TABLE)


def test_only_types_that_facts_read_are_asked_for() -> None:
    assert [row.key for row in keys_for({"Condition", "Device"})] == ["patient", "conditions"]


def test_each_hook_has_an_id_of_its_own() -> None:
    assert {service.hook: service.id for service in discovery.SERVICES} == {
        "order-select": "spine-imaging-order-select",
        "order-sign": "spine-imaging-order-sign",
    }
