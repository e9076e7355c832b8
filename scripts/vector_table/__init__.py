"""The hand-written table behind ``conformance/vectors``: what SPEC.md says of bytes, without a line of the SDK's."""
