"""The VAEs of the mini models: taught with the pictures that the readers of faces are taught with."""
