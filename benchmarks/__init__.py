"""Figures, each as a ratio to a floor, a peer or a limit in the same run: ``python -m benchmarks``."""
