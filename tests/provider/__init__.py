"""The recording provider: the only thing in the tests that is made up, behind a real socket.

It takes messages over HTTP and SMTP, has every bad day that a provider can have, and writes down
what it has accepted before it answers. Its own log, not our tables, says what was sent.
"""
