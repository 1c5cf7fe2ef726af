"""Why: every rule about a customer, a message or a reason, with the line where it stands."""
