"""The pages: each reads what it shows by the tools, and carries out what its forms ask for."""
