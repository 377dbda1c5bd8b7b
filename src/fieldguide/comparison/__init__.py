"""Many trainings side by side: what the size of a network, the number of pictures or a recipe changes."""
