import math


def growing(base, per_gigapixel=0):
    """What a job asks for grows with the pixels of its group, or of the run, and with the attempt."""

    def needs(wildcards, attempt):
        return math.ceil(
            attempt * (base + per_gigapixel * plan.gigapixels(wildcards.get("group")))
        )

    return needs
