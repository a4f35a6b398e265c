"""Arguments as models and clients send them: accepted forms, times in words, and error messages."""
