"""Work for the GPU: the queue lives in the app, the worker in a process of its own, typed events go between them."""
