"""When which pool is asked, and what its answer does to what is known of it."""
