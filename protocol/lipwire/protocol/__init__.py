"""The wire, without I/O: messages, codec and the two state machines."""
