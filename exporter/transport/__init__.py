"""One HTTP request and its complete answer, limited in time and size."""
