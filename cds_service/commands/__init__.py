"""Sub-commands that speak to a person: in colour on a terminal, in JSON for machines. `cli.py` puts them together."""
