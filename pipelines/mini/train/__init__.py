"""Trains what is embedded: ``python -m pipelines.mini.train faces``. Every training can be stopped and resumed."""
