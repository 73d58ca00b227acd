"""The same review over many patients: a Bulk Data export in, one line of JSON for each order out."""

from cds_service.batch.export import Export, open_export
from cds_service.batch.patients import Options
from cds_service.batch.run import Summary, run

__all__ = ["Export", "Options", "Summary", "open_export", "run"]
