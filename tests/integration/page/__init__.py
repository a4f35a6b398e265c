"""The web page, by a plain HTTP client and by Chromium."""
