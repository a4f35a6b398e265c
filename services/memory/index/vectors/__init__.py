"""The vectors of the index, by slot: of contents, of contents in their context, of chunks, of sessions."""
