"""Secrets that can be recognised, and everything that could show one."""
