"""Names the sets of problems, so that processes can agree on one: hand-written, or drawn from a
seed.
"""

from benchmarks.held_out import draw


def load(held_out=None, n=500, classes="ABCDE", tensor="gradient"):
    """Return the problems drawn from seed `held_out`, or the hand-written ones where it is None.

    `tensor` is "gradient", or "hessian" or "jacobian" (hand-written only).
    """
    if tensor != "gradient":
        from benchmarks.problems import tensors

        return tensors.load(tensor)
    if held_out is not None:
        return draw(held_out, n, classes)
    from benchmarks.problems import hand_written

    return [p for p in hand_written() if p.klass in classes]
