"""Arguments as models and clients send them: forms that are understood, times in words, and what is wrong."""
