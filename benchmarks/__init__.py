"""Measurements: `python -m benchmarks` runs them all and keeps benchmarks/latest.json.

A benchmark is a module `bench_<subject>.py` here with a function `measure()` that yields figures.
"""
