"""The prefetch doctor: what a captured hook request gave us to work with, and what it kept from us."""

from cds_service.doctor.examine import examine
from cds_service.doctor.findings import Findings, as_json
from cds_service.doctor.words import in_words

__all__ = ["Findings", "as_json", "examine", "in_words"]
