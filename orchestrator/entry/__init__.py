"""Where Tactful is entered: the command line. The only floor that asks what time it is."""
