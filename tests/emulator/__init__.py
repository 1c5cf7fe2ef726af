"""Twilio and SendGrid as far as Tactful uses them: real HTTP, strict about what they are asked."""
