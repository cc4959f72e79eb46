"""When which pool is asked, and how its answer becomes the pool's new state."""
