"""The composition root: settings into running objects."""
