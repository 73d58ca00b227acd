"""Curves, malformations, skin markers."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why


@pytest.mark.parametrize(
    ("ref", "code", "value"),
    [
        ("spinal_deformity", "M41.124", True),
        ("spinal_deformity", "M40.04", True),
        ("condition(trisomy_21)", "Q90.9", True),
        ("condition(achondroplasia)", "Q77.4", True),
        ("condition(chiari_malformation)", "Q07.00", True),
        ("condition(chiari_malformation)", "G93.5", None),  # compression of brain has other causes
        ("condition(klippel_feil)", "Q76.1", True),
        ("condition(congenital_spine_anomaly)", "Q76.49", True),
        ("condition(marfan_syndrome)", "Q87.40", True),
        ("condition(neurofibromatosis)", "Q85.01", True),
        ("condition(von_hippel_lindau)", "Q85.83", True),
        ("condition(congenital_anorectal_anomaly)", "Q42.3", True),
        ("condition(caudal_regression_syndrome)", "Q76.49", None),  # shared with every other malformation
        ("condition(vater_association)", "Q87.2", None),
        ("condition(spina_bifida_occulta)", "Q76.0", True),
        ("condition(spina_bifida)", "Q76.0", None),
        ("open_spinal_dysraphism", "Q05.7", True),
        ("condition(myelomeningocele)", "Q05.7", True),
        ("suspected_spinal_dysraphism", "Q06.2", True),
        ("suspected_tethered_cord_or_low_conus", "Q06.8", True),
        ("tethered_cord_confirmed", "Q06.8", None),  # not specific
        ("condition(intracranial_hemorrhage)", "P52.4", True),
        ("condition(birth_trauma)", "P11.5", True),
        ("skin_lesion(sacral_dimple)", "Q82.6", True),
        ("skin_lesion(coccygeal_pit_or_pilonidal_cyst)", "L05.91", True),
        ("skin_lesion(sacral_dimple)", "L05.91", None),
        ("skin_lesion(cafe_au_lait_abnormal)", "L81.3", True),
        ("exam_finding(toe_walking)", "R26.89", None),
    ],
)
def test_a_coded_diagnosis(sheet, condition, ref, code, value):
    assert sheet(condition(code), cpt="76800", born="2026-08-01").read(ref).value is value
    inactive = sheet(condition(code, clinical="inactive"), cpt="76800", born="2026-08-01").read(ref).value
    assert inactive is (None if ref.startswith("skin") else value)  # lifelong, whatever the list calls it


@pytest.mark.parametrize(
    ("code", "site", "refs"),
    [
        ("L68.8", "122496007", {"hair_patch_over_spine", "midline_cutaneous_marker"}),
        ("L91.8", "77568009", {"midline_skin_tag", "midline_cutaneous_marker"}),
        ("D18.01", "54735007", {"midline_hemangioma", "midline_cutaneous_marker"}),
        ("D17.1", "70323009", {"subcutaneous_midline_mass", "midline_cutaneous_marker"}),
        ("D18.01", "69536005", set()),  # the head
        ("D18.01", None, set()),
    ],
)
def test_a_skin_marker_counts_where_it_lies_over_the_spine(sheet, condition, coded, code, site, refs):
    place = {"bodySite": [coded("snomed", site)]} if site else {}
    facts = sheet(condition(code, **place), cpt="76800", born="2026-08-01")
    kinds = (
        "hair_patch_over_spine",
        "midline_skin_tag",
        "midline_hemangioma",
        "subcutaneous_midline_mass",
        "midline_cutaneous_marker",
    )
    assert {kind for kind in kinds if facts.read(f"skin_lesion({kind})").value} == refs
    if site is None:  # asked, with the finding named
        assert facts.read("skin_lesion(midline_hemangioma)").sources[0].reference == "Condition/c"


def test_a_dimple_found_on_examination(sheet, coded):
    seen = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": coded("snomed", "249729002"),
        "effectiveDateTime": "2026-11-01",
        "valueBoolean": True,
    }
    assert sheet(seen, cpt="76800", born="2026-08-01").read("skin_lesion(sacral_dimple)").value is True
    absent = {**seen, "valueBoolean": False}
    assert sheet(absent, cpt="76800", born="2026-08-01").read("skin_lesion(sacral_dimple)").value is False


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["Q76.3"], "congenital"),
        (["M41.124"], "idiopathic"),
        (["M41.46"], "neuromuscular"),
        (["M41.9", "G80.0"], "neuromuscular"),
        (["M41.9"], None),
        (["G80.0"], None),
        (["M41.124", "Q76.3"], "congenital"),
        (["Q76.49"], None),
    ],
)
def test_scoliosis_type(sheet, condition, codes, kind):
    assert sheet(*(condition(code, own_id=code) for code in codes)).read("scoliosis_type").value == kind


def test_the_reason_of_the_order_is_a_diagnosis_of_the_requester(sheet, coded):
    facts = sheet(order={"reasonCode": [coded("icd10cm", "M41.124")]})
    assert facts.read("scoliosis_type").value == "idiopathic"
    assert facts.read("spinal_deformity").value is True


def test_suspected_is_not_known(sheet, condition):
    provisional = sheet(condition("Q06.2", verification="provisional"))
    assert provisional.read("suspected(diastematomyelia)").value is True
    assert provisional.read("condition(congenital_spine_anomaly)").why is Why.NOT_DOCUMENTED
    assert sheet(condition("Q06.2")).read("suspected(diastematomyelia)").value is None
