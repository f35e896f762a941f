# What was trusted before comes back by itself.
:
