"""Spine imaging review for CDS Hooks: criteria as data, facts with sources, three truth values."""

__version__ = "0.1.0"
