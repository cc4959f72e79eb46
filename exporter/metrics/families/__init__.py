"""The metric families: one declared entry each."""
