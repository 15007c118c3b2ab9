# SPDX-License-Identifier: Apache-2.0
"""Are these shares what the weights ask for? Exact binomial tails, so that the answer is a statement, not a taste."""
from math import exp, lgamma, log, log1p

# Of one look at one backend. A quickstart takes some 16 looks, so a correct balancer fails one run in about ten million.
FALSE_ALARM = 1e-8

_blocks = " ▏▎▍▌▋▊▉█"


def expected_shares(weights: dict[str, int]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight / total if total else 0.0 for name, weight in weights.items()}


def _log_probability(count: int, draws: int, share: float) -> float:
    return (lgamma(draws + 1) - lgamma(count + 1) - lgamma(draws - count + 1)
            + count * log(share) + (draws - count) * log1p(-share))


def tail(count: int, draws: int, share: float) -> float:
    """How likely a binomial draw lies at least as far out as `count`, on its own side, both sides counted."""
    if share <= 0.0:
        return 1.0 if count == 0 else 0.0
    if share >= 1.0:
        return 1.0 if count == draws else 0.0
    outward = range(count, draws + 1) if count > draws * share else range(count, -1, -1)
    total = 0.0
    for value in outward:
        term = exp(_log_probability(value, draws, share))
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, 2.0 * total)


def fits(counts: dict[str, int], weights: dict[str, int], false_alarm: float = FALSE_ALARM) -> dict[str, bool]:
    """For each backend whether its count is a plausible draw; an answer of an unknown backend fits nothing."""
    draws = sum(counts.values())
    wanted = expected_shares(weights)
    verdict = {name: draws > 0 and tail(counts.get(name, 0), draws, share) >= false_alarm for name, share in wanted.items()}
    verdict.update({name: False for name in counts if name not in weights})
    return verdict


def tolerance(draws: int, share: float, false_alarm: float = FALSE_ALARM) -> float:
    """How far from `share` a share of `draws` may lie, for showing: half the width of what `fits` accepts."""
    if draws == 0 or share <= 0.0:
        return 0.0

    def edge(sign: int) -> int:
        low, high = 0, draws  # distance from the mean: low fits, high may not
        while low < high:
            middle = (low + high + 1) // 2
            count = round(draws * share) + sign * middle
            if 0 <= count <= draws and tail(count, draws, share) >= false_alarm:
                low = middle
            else:
                high = middle - 1
        return low

    return (edge(1) + edge(-1)) / (2 * draws)


def bar(share: float, width: int) -> str:
    """A bar of block characters in eighths; `share` 1.0 is the full width."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_blocks[rest] if rest else "")).ljust(width)
