"""From a draft ServiceRequest to what was ordered: an imaging order, something left alone, or not recognised.

read.py      the whole reading: who, whether, which study, why, when
choose.py    which study the codes name, and whether they agree
wording.py   the little that is read from text: it notices and labels, and never refuses
payer.py     who pays for it
"""

from cds_service.orders.payer import payers_of
from cds_service.orders.read import read_order, with_reasons

__all__ = ["payers_of", "read_order", "with_reasons"]
