"""What is known of every pool: immutable values, and the one store in which fetching and serving meet."""
