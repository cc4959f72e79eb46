"""One HTTP request and its whole answer, bounded in time and size."""
