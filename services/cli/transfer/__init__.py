"""`segue import` and `segue export`: delivery, progress, and the state of earlier imports."""
