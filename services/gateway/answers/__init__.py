"""The form of the tools' answers: structured content, and the text that a model reads."""
