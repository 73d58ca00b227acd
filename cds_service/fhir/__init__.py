"""Reading FHIR R4: codes, dates, units, statuses, regions, one patient's record, and the client that fetches it.

Resources stay plain dicts as decoded from JSON. Anything in them may have the wrong type; nothing here raises for that.
"""
