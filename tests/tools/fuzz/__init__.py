"""Hands the exporter's readers whatever bytes there are: `make fuzz`, and in the suite for a moment.

A target is a function from bytes to None that raises where its docstring, the oracle, does not hold. Atheris
(in `engine`), hypothesis and the corpus's test call the same ones; `__main__` runs all of it and prints the
table. `reference` reads the same answers again, plainly and slowly. `snapshots`, and the tests beside it,
make what has a structure: snapshots to be rendered, sequences of listings and of answers.
"""
