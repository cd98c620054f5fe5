"""Measurements against limits and peers: ``python -m benchmarks``."""
