"""Running the project's own tools, on request only: what the repository brings is run, confined as far as can be."""
