"""The web server of the tests, and raw connections to it."""
