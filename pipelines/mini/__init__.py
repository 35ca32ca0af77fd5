"""The embedded world: models that are built here, for machines without a GPU and without the internet."""
