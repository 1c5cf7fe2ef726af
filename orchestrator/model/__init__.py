"""What Tactful talks about, as values: no input, no output, no clock."""
