"""How quick the web page is."""
