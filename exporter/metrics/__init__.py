"""Snapshots -> exposition bytes: one declared entry per family, rendered once per poll, joined per scrape."""
