"""Pure logic. Imports the standard library only: no FHIR, no Flask, no files, no clock, no network."""
