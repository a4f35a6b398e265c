"""The formats that Segue imports, a module for each: what shows that a file is of it, and the memories in it."""
