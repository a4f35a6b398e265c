"""How much is done in a second: by a hundred clients, by an import, by one process and by several."""
