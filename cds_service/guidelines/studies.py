"""The catalogue of orderable studies (`studies.yaml`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cds_service.core.order import Study, StudyCode
from cds_service.guidelines import strict_yaml

FROM_BODY_SITE = "from_body_site"
UNSPECIFIED = "unspecified"


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What one code says: its study, and a narrower region or contrast when the code itself gives one.

    `regions` of `(FROM_BODY_SITE,)` means that the order's body site names the level. `contrast` is None when the
    code leaves it open.
    """

    study: Study
    regions: tuple[str, ...] | None
    contrast: str | None
    shared: bool


@dataclass(frozen=True, slots=True)
class GenericCode:
    """A code that gives modality and region only; `contrast` is None when it is left open."""

    label: str
    modality: str
    regions: tuple[str, ...]
    contrast: str | None


class StudyCatalogue:
    """Studies by id, by code and by what they image."""

    def __init__(
        self,
        studies: Iterable[Study],
        codes: Mapping[tuple[str, str], tuple[CodeEntry, ...]],
        generic: Mapping[tuple[str, str], GenericCode],
        groups: Mapping[str, tuple[str, ...]],
        plain_xray: Mapping[str, str],
    ) -> None:
        self.studies: Mapping[str, Study] = {study.id: study for study in studies}
        self.groups = groups
        self._codes = codes
        self._generic = generic
        self._plain_xray = plain_xray
        self._found: dict[tuple[str, frozenset[str], str | None], Study | None] = {}
        self._by_key: dict[str, list[Study]] = {}
        for study in self.studies.values():
            for key in study.keys:
                self._by_key.setdefault(key, []).append(study)

    def coded(self, system: str, code: str) -> tuple[CodeEntry, ...]:
        """What this code may mean; several entries for a code that studies share, the ordinary study first."""
        return self._codes.get((system, code), ())

    def generic(self, system: str, code: str) -> GenericCode | None:
        return self._generic.get((system, code))

    def with_key(self, key: str) -> tuple[Study, ...]:
        """Studies whose id or CPT code is `key`, the ordinary one first."""
        return tuple(self._by_key.get(key, ()))

    def find(self, modality: str, regions: Iterable[str], contrast: str | None) -> Study | None:
        """The ordinary study of this modality, these regions and this contrast."""
        asked = (modality, frozenset(regions), contrast)
        if asked not in self._found:  # every look for alternatives asks for the same few dozen
            self._found[asked] = self._find(*asked)
        return self._found[asked]

    def _find(self, modality: str, wanted: frozenset[str], contrast: str | None) -> Study | None:
        for study in self.studies.values():
            if study.modality == modality and set(study.regions) == wanted and study.contrast == contrast:
                return study
        return next(
            (
                study
                for study in self.studies.values()
                if study.modality == modality and wanted <= set(study.regions) and study.contrast == contrast
            ),
            None,
        )

    def plain_xray(self, region: str) -> Study | None:
        """The plain film to begin with for a region."""
        study = self._plain_xray.get(region)
        return self.studies[study] if study else None


def load_studies(path: Path) -> StudyCatalogue:
    """Reads `studies.yaml`. Raises GuidelineError naming the line of an unknown key, system, study or group."""
    data = strict_yaml.read(path).allow(("systems", "plain_xray", "groups", "studies", "generic_codes"))
    systems = data.mapping("systems")
    studies: dict[str, Study] = {}
    codes: dict[tuple[str, str], list[CodeEntry]] = {}
    for entry in data.mappings("studies"):
        study = _study(entry, systems)
        if study.id in studies:
            entry.fail(f"study {study.id} stands twice")
        studies[study.id] = study
        for coded in entry.mappings("codes"):
            codes.setdefault((systems[coded["system"]], coded["code"]), []).append(_code_entry(coded, study))
    for study in studies.values():
        for component in study.components:
            if component not in studies:
                data.fail(f"{study.id}: unknown component {component}")
    generic = {
        (systems[entry["system"]], entry.text("code")): GenericCode(
            entry.text("label"), entry.text("modality"), entry.texts("regions"), _contrast(entry.text("contrast"))
        )
        for entry in data.mappings("generic_codes")
    }
    known = set(studies) | {key for study in studies.values() for key in study.keys}
    groups = {name: _members(name, data.mapping("groups"), known) for name in data.mapping("groups")}
    plain = data.mapping("plain_xray")
    for region in plain:
        if plain.text(region) not in studies:
            plain.fail(f"{region}: unknown study {plain[region]}")
    return StudyCatalogue(
        studies.values(), {key: tuple(found) for key, found in codes.items()}, generic, groups, dict(plain)
    )


def _study(entry: strict_yaml.Mapping, systems: strict_yaml.Mapping) -> Study:
    entry.allow(
        ("id", "label", "modality", "regions", "contrast"),
        ("advanced", "shared", "components", "category", "note", "codes"),
    )
    for coded in entry.mappings("codes"):
        coded.allow(("system", "code", "label", "source"), ("regions", "contrast", "spine_only"))
        if coded["system"] not in systems:
            coded.fail(f"unknown code system {coded['system']}")
    return Study(
        id=entry.text("id"),
        label=entry.text("label"),
        modality=entry.text("modality"),
        regions=entry.texts("regions"),
        contrast=entry.text("contrast"),
        advanced=entry.flag("advanced"),
        shared=entry.flag("shared"),
        components=entry.texts("components"),
        codes=tuple(
            StudyCode(systems[coded["system"]], coded.text("code"), coded.text("label"))
            for coded in entry.mappings("codes")
        ),
    )


def _code_entry(coded: strict_yaml.Mapping, study: Study) -> CodeEntry:
    contrast = coded.text("contrast", study.contrast)
    return CodeEntry(
        study,
        coded.texts("regions") or None,
        _contrast(contrast),
        study.shared and not coded.flag("spine_only"),
    )


def _contrast(text: str) -> str | None:
    return None if text == UNSPECIFIED else text


def _members(name: str, groups: strict_yaml.Mapping, known: set[str]) -> tuple[str, ...]:
    """The study keys of a group, groups within it resolved."""
    members: list[str] = []
    for member in groups.texts(name):
        if member in groups:
            members.extend(_members(member, groups, known))
        elif member in known:
            members.append(member)
        else:
            groups.fail(f"group {name}: unknown study {member}")
    return tuple(dict.fromkeys(members))
