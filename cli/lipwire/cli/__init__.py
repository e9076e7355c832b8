"""The ``lipwire`` command: a demo to see, and tools to look at what goes over the wire."""
