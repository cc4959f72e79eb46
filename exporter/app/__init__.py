"""The composition root: builds the running objects from the settings."""
