"""Backbones, and what is built from them."""
