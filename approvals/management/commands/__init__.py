"""Measure tables at the command line."""
