"""The value sets we ship, and the loader that refuses a wrong line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.core.errors import GuidelineError
from cds_service.guidelines.value_sets import load_value_sets

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
SNOMED = "http://snomed.info/sct"
CPT = "http://www.ama-assn.org/go/cpt"

SOURCES = """\
systems:
  icd10cm: http://hl7.org/fhir/sid/icd-10-cm
  cpt: http://www.ama-assn.org/go/cpt
sources:
  release: "A release"
checked: {}
unverified: []
"""
GOOD = """\
value_sets:
- id: neck-pain
  title: Neck pain
  codes:
  - {system: icd10cm, code: "M54.2", label: Neck pain, source: [release]}
"""
ROW = GOOD.splitlines(keepends=True)[-1]


@pytest.fixture(scope="module")
def shipped():
    return load_value_sets()


@pytest.mark.parametrize(
    ("value_set", "system", "code", "inside"),
    [
        ("neck-pain", ICD9, "723.1", True),
        ("neck-pain", SNOMED, "1121000119107", True),
        ("low-back-pain", ICD, "M5450", True),
        ("low-back-pain", ICD9, "7242", True),
        ("radiculopathy-lumbar", ICD9, "724.4", True),
        ("thoracic-back-pain", ICD9, "724.1", True),
        ("ankylosing-spondylitis", ICD, "M45.6", True),
        ("ankylosing-spondylitis", ICD, "M45.A6", False),
        ("organ-transplant", ICD, "Z94.0", True),
        ("organ-transplant", ICD, "Z94.7", False),
        ("proc-spine-decompression", CPT, "63030", True),
        ("proc-spine-decompression", CPT, "63051", True),  # from the printed range
        ("proc-spine-decompression", CPT, "63092", False),
        ("body-site-perineum", SNOMED, "38864007", True),
        ("encounter-type-in-person", CPT, "99211", False),
    ],
)
def test_codes_we_rely_on(shipped, value_set: str, system: str, code: str, inside: bool) -> None:
    assert ((system, code) in shipped[value_set]) is inside


@pytest.mark.parametrize(
    ("value_set", "code"),
    [
        ("night-pain", "G47.01"),
        ("iv-drug-use", "F11.20"),
        ("chronic-dialysis", "N18.6"),
    ],
)
def test_codes_that_never_count_alone(shipped, value_set: str, code: str) -> None:
    assert shipped[value_set].is_weak(ICD, code)


def test_what_a_code_itself_tells(shipped) -> None:
    injection = shipped["proc-epidural-transforaminal"].member(CPT, "64483")
    assert (injection.means, injection.regions) == ("transforaminal_esi", ("lumbar", "sacrum_coccyx"))
    assert shipped["saddle-anesthesia"].member(ICD, "R20.0").needs == "body_site"
    assert (
        shipped["med-analgesic-nonopioid"].member("http://www.nlm.nih.gov/research/umls/rxnorm", "25480").needs
        == "reason"
    )


def test_every_code_is_its_own_short_label(shipped) -> None:
    labels = [member.label for code_set in shipped.values() for member in code_set.members]
    assert all(0 < len(label) <= 100 for label in labels)


def test_products_stand_for_their_ingredient(shipped) -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    ibuprofen = shipped["med-nsaid"].member(rxnorm, "197805")
    assert (ibuprofen.label, ibuprofen.means) == ("ibuprofen", "systemic")
    assert shipped["med-corticosteroid-systemic"].member(rxnorm, "10759").needs == "route"
    injected = [m for m in shipped["med-corticosteroid-systemic"].members if m.label == "triamcinolone"]
    assert len(injected) > 1
    assert all(m.needs is None for m in injected[1:])
    creams = {m.code for m in shipped["med-nsaid"].members if m.means == "topical"}
    assert creams
    assert not any(m.means == "topical" for m in shipped["med-corticosteroid-systemic"].members)


WRONG_PRODUCTS = [
    "5640\tsystemic\tibuprofen",
    "x\tsystemic\t1",
    "5640\toral\t1",
    "5640",
    "7\ttopical\t2\n7\ttopical\t3",
]


@pytest.mark.parametrize("line", WRONG_PRODUCTS)
def test_a_wrong_line_of_the_product_table_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "rxnorm_products.tsv").write_text(f"# products\n{line}\n")
    with pytest.raises(GuidelineError, match=r"rxnorm_products\.tsv:[23]: "):
        load_value_sets(_folder(tmp_path, GOOD))


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"sets\.yaml:2: unknown form oral"):
        load_value_sets(_folder(tmp_path, GOOD.replace("  codes:", "  forms: [oral]\n  codes:")))


def test_good_data_loads(tmp_path: Path) -> None:
    assert (ICD, "M54.2") in load_value_sets(_folder(tmp_path, GOOD))["neck-pain"]


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("title: Neck pain", "title: Neck pain\n  colour: red", "sets.yaml:2: unknown key colour"),
        ("title: Neck pain", "title: Neck pain\n  title: Neck", "sets.yaml:4: duplicate key 'title'"),
        ('code: "M54.2"', "code: 7242", "sets.yaml:5: code must be text"),
        ('code: "M54.2"', "code: 724.2", "sets.yaml:5: code must be text"),
        ("system: icd10cm", "system: icd11", "sets.yaml:5: unknown code system icd11"),
        ("[release]", "[rumour]", "sets.yaml:5: unknown source rumour"),
        ("[release]", "[]", "sets.yaml:5: a code needs a source"),
        ("source: [release]}", "source: [release], needs: luck}", "sets.yaml:5: unknown needs 'luck'"),
        ("label: Neck pain, ", "", "sets.yaml:5: missing label"),
        (ROW, ROW + ROW, "sets.yaml:6: code M54.2 stands twice"),
        ("  codes:\n" + ROW, "  codes: []\n", "sets.yaml:2: value set neck-pain has no codes"),
        ("value_sets:", "value_set:", "sets.yaml:1: missing value_sets"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_its_place(tmp_path: Path, wrong: str, right: str, says: str) -> None:
    assert wrong in GOOD
    with pytest.raises(GuidelineError) as refusal:
        load_value_sets(_folder(tmp_path, GOOD.replace(wrong, right, 1)))
    assert str(refusal.value).startswith(says)


@pytest.mark.parametrize(
    ("first", "last"), [("63091", "63001"), ("1", "63001"), ("63001", "69999"), ("A0001", "A0009")]
)
def test_an_odd_range_is_refused(tmp_path: Path, first: str, last: str) -> None:
    span = f'  ranges:\n  - {{system: cpt, from: "{first}", to: "{last}", label: x, source: [release]}}\n'
    with pytest.raises(GuidelineError, match=r"sets\.yaml:7: a range"):
        load_value_sets(_folder(tmp_path, GOOD + span))


def _folder(path: Path, sets: str) -> Path:
    (path / "sources.yaml").write_text(SOURCES)
    (path / "sets.yaml").write_text(sets)
    return path
