"""Pictures varied at random: drawn first, then applied in one warp."""
