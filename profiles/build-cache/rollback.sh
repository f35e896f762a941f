# The caches stay on the workspace: they are the user's, and harmless.
:
