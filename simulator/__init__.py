"""The simulator: whole sessions in simulated time, over bad networks, with all that is promised checked at every step.

Nothing here sleeps, nothing runs by itself, and no clock is read: a seed gives the same run each time.

- :mod:`.world` joins the two state machines through faulty links, as the shells do, and lets time pass;
- :mod:`.player` is the consumer: it plays in real time and reports;
- :mod:`.plan` draws from a seed what happens: network, users, faults;
- :mod:`.history` keeps what really happened, and :mod:`.invariants` holds what the two sides do against it;
- :mod:`.simulation` joins the world and its history, and speaks for the agent and the consumer;
- :mod:`.runs` runs seeds; :mod:`.soak` one long conversation; :mod:`.planted` tries the simulator itself;
- :mod:`.event_loop` is simulated time for the shells: tests and benchmarks run AudioOut and AudioIn on it.

``python -m simulator --help`` has the options.
"""
