# The runner takes back all that the profile brought.
