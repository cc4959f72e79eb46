"""The ModelArts API: requests, and decoding of their answers."""
