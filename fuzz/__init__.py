"""``python -m fuzz``: hostile messages through the state machines of both roles and both versions.

A *run* puts one machine into one state by a script, and then sends it messages: made from the registry's grammar by
somebody who knows the session, mutated from what real sessions sent, crafted by hand, or random. What has to hold is
checked after each (``machines.py``). A run is a list of *steps*, so that one that fails can be made smaller, kept and
replayed.
"""
