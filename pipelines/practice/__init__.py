"""The practice run: the wheel turned by a simulated reviewer who knows the mini world's truth.

``run`` goes through the same steps as a human (``pipelines.workflow``); ``reviewer`` stands in for the eyes at the
gates; ``pipelines.world`` alone knows the truth, in the worker process; ``figures`` and ``report`` tell how it went.
"""
