"""The files of reports: their forms, the paths that they name, reading XML. Standard library only."""
