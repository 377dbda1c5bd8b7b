"""What is answered about one picture: one class, several, none, or that it is unlike anything learnt from."""
