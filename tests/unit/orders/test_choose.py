"""Which study an order names: its codes, its body site, its detail, and last its words."""

from __future__ import annotations

from pathlib import Path

import pytest

import cds_service.guidelines
from cds_service.core.order import ImagingOrder, LeftAlone
from cds_service.orders.choose import (
    DIFFERENT_CONTRAST,
    DIFFERENT_KIND,
    DIFFERENT_REGION,
    NO_LEVEL,
    SITE_DISAGREES,
    meet,
)
from cds_service.orders.read import FLAGS
from tests.unit.orders.drafts import (
    CATALOGUE,
    LUMBAR,
    PELVIS,
    SACRUM,
    SI_JOINT,
    THORACIC,
    concept,
    doubt,
    imaging,
    order,
    read,
    site,
)


@pytest.mark.parametrize(
    ("codes", "study", "code", "contrast", "regions"),
    [
        ("cpt 72148", "mr_lumbar_wo", "72148", "without", "lumbar"),
        ("cpt 72157", "mr_thoracic_wwo", "72157", "without_and_with", "thoracic"),
        ("loinc 24967-2", "mr_lumbar_wwo", "72158", "without_and_with", "lumbar"),
        ("snomed 60443006", "mr_cervical_w", "72142", "with", "cervical"),
        # CPT for the row of the code table, LOINC for detail.
        ("cpt 72148, loinc 30679-5", "mr_lumbar_wo", "72148", "without", "lumbar"),
        ("loinc 30679-5, cpt 72148", "mr_lumbar_wo", "72148", "without", "lumbar"),
        ("cpt 72126", "ct_cervical_w", "72126", "with", "cervical"),
        ("cpt 72126, loinc 24934-2", "ct_myelography_cervical", "72126", "intrathecal", "cervical"),
        ("cpt 72131, snomed 1251643002", "ct_lumbar_post_discography", "72131", "without", "lumbar"),
        ("cpt 72159, loinc 37511-3", "mra_spinal_canal", "72159", "without", "cervical"),
        ("loinc 37497-5", "mra_spinal_canal", "72159", None, "cervical thoracic lumbar"),
        ("cpt 72100, loinc 24972-2", "xr_lumbar_2_3", "72100", "n/a", "lumbar"),
        ("cpt 72195, loinc 36521-3", "mr_pelvis_wo", "72195", "without", "sacrum_coccyx"),
        ("cpt 76800", "us_spinal_canal", "76800", "n/a", "entire_spine"),
        ("loinc 30854-4", "mr_whole_spine_wo", None, "without", "cervical thoracic lumbar"),
        ("loinc 30854-4, cpt 72141, cpt 72146", "mr_whole_spine_wo", None, "without", "cervical thoracic lumbar"),
        ("cpt 78813", "pet_whole_body", "78813", "n/a", "whole_body"),
        ("cpt 78813, cpt 76498", "pet_mri", "78813", "n/a", "whole_body"),
        ("cpt 76498", "mr_unlisted", "76498", "n/a", "whole_body"),
        ("cpt 72131, cpt 76377", "ct_lumbar_wo", "72131", "without", "lumbar"),  # an add-on is no second study
        ("cpt 72148, local MRL", "mr_lumbar_wo", "72148", "without", "lumbar"),
        # Modality and region only: contrast stays open, and with it the CPT code.
        ("loinc 24968-0", "mr_lumbar_wo", None, None, "lumbar"),
        ("loinc 24968-0, cpt 72149", "mr_lumbar_w", "72149", "with", "lumbar"),
        ("loinc 42698-1", "mr_whole_spine_wo", None, None, "entire_spine"),
        ("loinc 43457-1", "mr_cervical_wo", None, None, "cervical thoracic"),
        ("snomed 711224009", "ct_lumbar_wo", None, None, "lumbar sacrum_coccyx"),
        ("snomed 702487007", "ct_thoracic_lumbar_wo", None, None, "thoracic lumbar"),
        ("loinc 24867-4", "mr_pelvis_wo", None, None, "pelvis"),
    ],
)
def test_the_study_that_codes_name(
    codes: str, study: str, code: str | None, contrast: str | None, regions: str
) -> None:
    found = imaging(order(*codes.split(", ")))

    assert (found.study.id, found.code, found.contrast) == (study, code, contrast)
    assert found.regions == tuple(regions.split())
    assert found.recognised_by == "coding"


@pytest.mark.parametrize(
    ("codes", "because"),
    [
        ("cpt 72148, cpt 72158", DIFFERENT_CONTRAST),
        ("cpt 72148, loinc 24967-2", DIFFERENT_CONTRAST),
        ("cpt 72148, loinc 30667-0", DIFFERENT_REGION),
        ("cpt 72148, cpt 72146", DIFFERENT_REGION),
        ("cpt 72148, cpt 72131", DIFFERENT_KIND),
        ("cpt 72148, loinc 24935-9", DIFFERENT_REGION),
        ("cpt 72148, loinc 24963-1", DIFFERENT_KIND),
        ("cpt 72148, loinc 36256-6", DIFFERENT_CONTRAST),
        ("loinc 24968-0, loinc 24935-9", DIFFERENT_REGION),
        ("loinc 24968-0, loinc 24963-1", DIFFERENT_KIND),
        ("loinc 37511-3, loinc 37503-0", DIFFERENT_REGION),
        ("loinc 37510-5, loinc 37501-4", DIFFERENT_CONTRAST),
        ("loinc 36521-3, loinc 36502-3", DIFFERENT_REGION),
    ],
)
def test_codes_that_disagree_are_asked_about(codes: str, because: str) -> None:
    assert doubt(order(*codes.split(", "))) == because


def test_a_display_is_never_read() -> None:
    lying = order("cpt 72148")
    lying["code"]["coding"][0]["display"] = "MRI cervical spine with contrast"
    knee = order("cpt 73721")
    knee["code"]["coding"][0]["display"] = "MRI lumbar spine without contrast"

    assert imaging(lying).study.id == "mr_lumbar_wo"
    assert isinstance(read(knee), LeftAlone)


def test_spellings_of_a_code_system() -> None:
    old = order()
    old["code"]["coding"] = [{"system": "urn:oid:2.16.840.1.113883.6.12", "code": " 72148 "}]
    level_one = order()
    level_one["code"]["coding"] = [{"system": "http://www.nlm.nih.gov/research/umls/hcpcs", "code": "0609t"}]

    assert imaging(old).study.id == "mr_lumbar_wo"
    assert imaging(level_one).study.id == "mrs_spine"


@pytest.mark.parametrize(
    ("codes", "sites", "study", "regions"),
    [
        ("loinc 36067-7", LUMBAR, "mr_lumbar_wo", "lumbar"),
        ("loinc 36531-2", THORACIC, "mr_thoracic_wo", "thoracic"),
        ("cpt 72020", THORACIC, "xr_spine_single_view", "thoracic"),
        ("cpt 72020", "", "xr_spine_single_view", "cervical thoracic lumbar"),
        ("snomed 168537006", LUMBAR, "xr_lumbar_2_3", "lumbar"),
        ("cpt 72148", LUMBAR, "mr_lumbar_wo", "lumbar"),
        ("cpt 72148", "1217253001", "mr_lumbar_wo", "lumbar"),
        ("cpt 72148", "72696002", "mr_lumbar_wo", "lumbar"),  # a site we do not know says nothing
        ("cpt 72195", SACRUM, "mr_pelvis_wo", "sacrum_coccyx"),
        ("cpt 78803", LUMBAR, "spect_bone_single", "lumbar"),
        ("cpt 76800", LUMBAR, "us_spinal_canal", "lumbar"),
        ("cpt 76800", SACRUM, "us_spinal_canal", "sacrum_coccyx"),
        ("loinc 30854-4", LUMBAR, "mr_whole_spine_wo", "cervical thoracic lumbar"),
        ("cpt 78816", LUMBAR, "pet_ct_whole_body", "whole_body"),
    ],
)
def test_the_body_site_names_or_narrows_the_region(codes: str, sites: str, study: str, regions: str) -> None:
    found = imaging(order(codes, bodySite=site(*sites.split())))

    assert found.study.id == study
    assert found.regions == tuple(regions.split())


def test_a_body_site_elsewhere_is_asked_about() -> None:
    assert doubt(order("cpt 72148", bodySite=site(THORACIC))) == SITE_DISAGREES
    assert doubt(order("loinc 24968-0", bodySite=site(THORACIC))) == SITE_DISAGREES


def test_a_spine_study_without_a_level_is_asked_about() -> None:
    assert doubt(order("loinc 36067-7")) == NO_LEVEL
    assert isinstance(read(order("snomed 168537006")), LeftAlone)  # an x-ray of who knows what


@pytest.mark.parametrize(
    ("codes", "sites", "shared"),
    [
        ("cpt 72148", "", False),
        ("cpt 72195", "", True),
        ("cpt 72195", PELVIS, True),
        ("cpt 72195", SI_JOINT, False),
        ("cpt 72195", SACRUM, False),
        ("loinc 36502-3", "", False),  # names the SI joints
        ("cpt 76390", "", True),
        ("cpt 76390", LUMBAR, False),
        ("cpt 0609T", "", False),
        ("loinc 24867-4", "", True),
        ("loinc 36060-2", "", False),
    ],
)
def test_codes_that_other_organs_share(codes: str, sites: str, shared: bool) -> None:
    assert imaging(order(codes, bodySite=site(*sites.split()))).shared is shared


@pytest.mark.parametrize(
    ("detail", "study", "contrast", "code"),
    [
        ("value without_and_with", "mr_lumbar_wwo", "without_and_with", "72158"),
        ("value with", "mr_lumbar_w", "with", "72149"),
        ("cpt 72158", "mr_lumbar_wwo", "without_and_with", "72158"),
        ("loinc 30667-0", "mr_lumbar_wo", None, None),  # another region: no detail of this order
    ],
)
def test_coded_detail_settles_open_contrast(detail: str, study: str, contrast: str | None, code: str | None) -> None:
    found = imaging(order("loinc 24968-0", orderDetail=[concept(detail)]))

    assert (found.study.id, found.contrast, found.code) == (study, contrast, code)
    assert found.recognised_by == "coding"


def test_coded_detail_goes_before_words() -> None:
    found = imaging(
        order("loinc 24968-0", text="MRI lumbar spine with contrast", orderDetail=[concept("value without")])
    )

    assert (found.contrast, found.recognised_by) == ("without", "coding")


@pytest.mark.parametrize(
    ("codes", "text", "study", "contrast"),
    [
        ("loinc 24968-0", "MRI L-spine w/o contrast", "mr_lumbar_wo", "without"),
        ("loinc 24968-0", "MRI L-spine W/O & W CONTRAST", "mr_lumbar_wwo", "without_and_with"),
        ("loinc 36531-2", "MRI thoracic spine", "mr_thoracic_wo", "without"),
        ("cpt 72132", "CT after myelogram", "ct_myelography_lumbar", "intrathecal"),
        ("cpt 78803", "Gallium SPECT", "spect_gallium", "n/a"),
        ("loinc 24963-1", "CT lumbar after intrathecal contrast", "ct_myelography_lumbar", "intrathecal"),
    ],
)
def test_words_are_the_last_resort_and_are_marked(codes: str, text: str, study: str, contrast: str) -> None:
    found = imaging(order(codes, text=text))

    assert (found.study.id, found.contrast, found.recognised_by) == (study, contrast, "text")


def test_words_never_overrule_a_code() -> None:
    found = imaging(order("cpt 72148", text="MRI cervical spine with contrast"))

    assert (found.study.id, found.contrast, found.recognised_by) == ("mr_lumbar_wo", "without", "coding")


@pytest.mark.parametrize(
    ("detail", "flag"),
    [
        ("fact order_flag(positional_mri)", "positional_mri"),
        ("value positional_mri", "positional_mri"),
        ("fact order_flag(completing_noncontrast_study)", "completing_noncontrast_study"),
        ("loinc 42270-9", "positional_mri"),
    ],
)
def test_flags_are_coded(detail: str, flag: str) -> None:
    assert imaging(order("cpt 72141", orderDetail=[concept(detail)])).flags == {flag}


@pytest.mark.parametrize("detail", ["fact order_flag(nonsense)", "fact spine_pain(lumbar)", "local positional_mri"])
def test_other_details_raise_no_flag(detail: str) -> None:
    assert imaging(order("cpt 72141", orderDetail=[concept(detail)])).flags == frozenset()


@pytest.mark.parametrize(
    ("codes", "flags"),
    [
        ("loinc 42270-9", {"positional_mri"}),
        ("cpt 72141, loinc 42270-9", {"positional_mri"}),
        ("loinc 37509-7", {"post_discography_ct"}),
        ("loinc 46358-8", {"whole_body_mri"}),
        ("cpt 76498, loinc 46358-8", {"whole_body_mri", "unlisted_code"}),
        ("cpt 76498", {"unlisted_code"}),
        ("cpt 76497", {"unlisted_code"}),
        ("cpt 78813, cpt 76498", {"pet_mri", "unlisted_code"}),
        ("cpt 78813", set()),
        ("cpt 72131", set()),
    ],
)
def test_the_code_of_the_study_may_raise_a_flag(codes: str, flags: set[str]) -> None:
    assert imaging(order(*codes.split(", "))).flags == flags


@pytest.mark.parametrize(
    ("codes", "text", "label"),
    [
        ("cpt 72148", "upright MRI of the lumbar spine", "positional_mri"),
        ("cpt 72131", "CT post discogram", "post_discography_ct"),
        ("cpt 76498", "whole-body MRI", "whole_body_mri"),
        ("cpt 78813", "PET/MRI", "pet_mri"),
        ("cpt 72125", "cone beam", "cone_beam_ct"),
    ],
)
def test_words_label_but_never_flag(codes: str, text: str, label: str) -> None:
    said, plain = imaging(order(codes, text=text)), imaging(order(codes))

    assert said.labels == {label}
    assert said.flags == plain.flags
    assert said.study == plain.study


def test_every_flag_is_one_the_criteria_know() -> None:
    vocabulary = Path(cds_service.guidelines.__file__).with_name("facts.yaml").read_text()

    assert [flag for flag in FLAGS if flag not in vocabulary] == []


def test_every_code_of_the_catalogue_is_read_as_its_study() -> None:
    for study in CATALOGUE.studies.values():
        for code in study.codes:
            resource = order(options=())
            resource["code"]["coding"] = [{"system": code.system, "code": code.code}]
            found = read(resource)
            if study.modality == "procedure":
                assert isinstance(found, LeftAlone)
                continue
            assert isinstance(found, ImagingOrder)
            assert found.study.id == study.id or len(CATALOGUE.coded(code.system, code.code)) > 1
            assert meet(found.regions, study.regions)
