"""The web page: what is remembered, to see, correct and delete. A client of the tools and workflows, for browsers."""
