# Its packages are all that there is to it.
