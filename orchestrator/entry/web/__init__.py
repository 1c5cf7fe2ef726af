"""What Tactful answers over HTTP: whether it is well, and its metrics.

Each module brings its `routes`; `app` puts them together, and `serve` runs them.
"""
