"""What a controller shows of itself to Prometheus, and whether it is alive and ready."""
