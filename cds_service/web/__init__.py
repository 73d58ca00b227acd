"""HTTP: the only package that imports Flask. Routes parse, call one function, return."""
