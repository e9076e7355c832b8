"""``python -m lipwire.reference_driver``: the SDK itself as a thing that the conformance kit can test."""
