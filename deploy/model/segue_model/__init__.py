"""The files of the embedding model, in `model`."""
