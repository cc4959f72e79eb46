"""Snapshots -> exposition bytes: a table of families, rendered once per poll, joined once per scrape."""
