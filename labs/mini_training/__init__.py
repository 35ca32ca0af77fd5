"""Trains what is embedded: ``python -m labs.mini_training faces``. Every training can be stopped and resumed."""
