"""What Keras's `preprocessing.image` gives, made fast and right: pictures, folders, tables and their generators."""
