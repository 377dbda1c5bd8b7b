"""Scores with intervals, and what they mean."""
