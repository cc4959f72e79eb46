"""The ModelArts API: asked with care, its answers understood or refused, never guessed."""
