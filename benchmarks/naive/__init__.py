"""What most teams write first: a Celery task for each message, an ORM, a template, smtplib.

Nothing here is slow on purpose. It is the measure that the engine is compared with.
"""
