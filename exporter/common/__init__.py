"""Leaves: modules that import nothing of the exporter but each other."""
