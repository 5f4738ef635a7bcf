"""`python -m benchmarks.speed`: measure everything, print the tables, and say whether what is promised holds."""

from __future__ import annotations

import argparse
from dataclasses import asdict

import torch

import benchmarks.speed
from benchmarks.speed import growth, page, profile, ratios, rl
from benchmarks.speed.clock import machine


def measure(rounds: int) -> dict:
    """All numbers of the page."""
    other = [
        *(ratios.frugal_ratio(rows, latents, rounds) for rows, latents in ratios.PROMISED),
        ratios.generation_ratio(32, 6, rounds),
        ratios.generation_ratio(16, 20, rounds),
        ratios.group_ratio(4, 8, 6, rounds),
        ratios.replay_ratio(32, 6, rounds),
    ]
    return {
        "machine": machine() | {"rounds": rounds},
        "sft": {
            f"B={rows}, T={latents}": [
                {"ratio": asdict(ratio), "positions": positions}
                for ratio, positions in ratios.rival_ratios(rows, latents, rounds)
            ]
            for rows, latents in ratios.PROMISED
        },
        "other": [asdict(ratio) for ratio in other],
        "profile": [asdict(one) for one in profile.profiles()],
        "rl": [asdict(part) for part in rl.splits(max(3, rounds // 3))],
        "growth": [asdict(point) for axis in growth.AXES for point in growth.grow(axis, max(3, rounds // 2))],
    }


def broken(numbers: dict) -> list[str]:
    """What is promised and does not hold, in words."""
    found = [line["ratio"] | {"name": f"{name}: {line['ratio']['name']}"}
             for name, lines in numbers["sft"].items() for line in lines]  # fmt: skip
    late = [
        f"{r['name']}: {r['median']:.2f}, promised {r['limit']:.2f}"
        for r in [*found, *numbers["other"]]
        if r["limit"] is not None and r["median"] > r["limit"]
    ]
    return late + [
        f"{s['name']}: decode + reward {s['decode'] + s['reward']:.1%}, promised {s['limit']:.0%}"
        for s in numbers["rl"]
        if s["limit"] is not None and s["decode"] + s["reward"] > s["limit"]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=benchmarks.speed.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    numbers = page.load() if given.draw else measure(given.rounds)
    print("\n\n".join(page.tables(numbers).values()))
    if given.write:
        page.save(numbers)
    if given.write or given.draw:
        page.write(numbers)
    late = broken(numbers)
    print("\n" + ("\n".join(late) if late else "Everything that is promised holds."))
    return len(late) > 0


if __name__ == "__main__":
    raise SystemExit(main())
