"""An index for each user, loaded when asked for: a cache of the store that is proven fresh before each use."""
