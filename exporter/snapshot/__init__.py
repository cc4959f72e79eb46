"""What is known of every pool: immutable values, and the store that connects fetching and serving."""
