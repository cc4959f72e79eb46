"""Programs for maintainers: bench, fuzz, soak, faults. Run by `make`."""
