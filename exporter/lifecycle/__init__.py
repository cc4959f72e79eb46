"""A pool's listing beside what is remembered of those before it -> what got through."""
