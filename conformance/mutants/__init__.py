"""The SDK, broken on purpose: each mutant has one behaviour wrong, and the conformance kit has to catch it.

``python -m conformance.mutants`` tries all of them; see :mod:`.trial` for what counts as caught, and ``MUTANTS.md`` for
what came of it. None of this is in the wheel.
"""
