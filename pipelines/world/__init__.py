"""The mini world, whose every truth is known: who is in it (``cast``), how they are drawn (``renderer``, in torch), and
what a picture of them truly shows (``examine``)."""
