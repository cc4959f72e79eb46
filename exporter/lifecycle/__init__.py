"""What happens to a pool's workloads: each listing is compared with what is remembered of those before it."""
