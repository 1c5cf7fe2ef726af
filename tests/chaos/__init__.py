"""Chaos: real PostgreSQL, Redis, Celery workers and a provider, while everything is killed.

shop       the shop of a trial, and who lives where
fleet      its processes, started again as a supervisor would
life       events, opt-outs and pauses that go on all the time
disasters  what strikes, by chance from a seed
diary      what was done, and when, by this process's clock
ledger     what Tactful's tables say in the end
judge      what the provider's own log shows of it
trial      all of it together; `python -m tests.chaos --minutes 5 --seed 7`
"""
