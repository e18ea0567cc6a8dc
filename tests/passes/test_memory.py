"""Memory planning: nothing that is needed at the same time overlaps, and little is wasted."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edgesite.passes.memory import ALIGNMENT, Buffer, plan_memory


def rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def buffers_of(parts: list[tuple[int, int, int]]) -> list[Buffer]:
    """Buffers of sizes, first steps and spans."""
    return [Buffer(f"b{k}", size, at, at + span) for k, (size, at, span) in enumerate(parts)]


sizes_of = st.sampled_from([0, 1, 63, 64, 65, 100, 128, 300, 4096])
lives = st.lists(st.tuples(sizes_of, st.integers(-1, 6), st.integers(0, 4)), max_size=12).map(
    buffers_of
)


@settings(max_examples=60)
@given(lives)
def test_buffers_that_meet_do_not_overlap(buffers: list[Buffer]) -> None:
    places, size = plan_memory(buffers)

    for a, b in combinations(buffers, 2):
        apart = (
            places[a.name] + a.size_bytes <= places[b.name]
            or places[b.name] + b.size_bytes <= places[a.name]
        )
        assert apart or not a.meets(b) or not a.size_bytes or not b.size_bytes
    assert all(places[b.name] + b.size_bytes <= size for b in buffers)
    assert all(place >= 0 and place % ALIGNMENT == 0 for place in places.values())


@settings(max_examples=60)
@given(lives)
def test_the_arena_is_between_what_is_alive_at_once_and_the_sum(buffers: list[Buffer]) -> None:
    _, size = plan_memory(buffers)
    alive = [
        sum(rounded(b.size_bytes) for b in buffers if b.first <= step <= b.last)
        for step in range(-1, 11)
    ]

    assert max(alive) <= size <= sum(rounded(b.size_bytes) for b in buffers)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 5000), min_size=2, max_size=12))
def test_a_chain_takes_no_more_than_its_largest_neighbours_and_one(sizes: list[int]) -> None:
    chain = [Buffer(f"b{k}", size, k, k + 1) for k, size in enumerate(sizes)]

    _, size = plan_memory(chain)

    largest = sorted(map(rounded, sizes))
    assert size >= max(rounded(a) + rounded(b) for a, b in pairwise(sizes))
    assert size <= sum(largest[-3:])


def test_a_chain_of_equal_buffers_takes_two() -> None:
    chain = [Buffer(f"b{k}", 1000, k, k + 1) for k in range(9)]

    _, size = plan_memory(chain)

    assert size == 2 * 1024


def test_a_plan_does_not_depend_on_the_order_of_the_buffers() -> None:
    buffers = [Buffer(f"b{k}", 100 * (k % 3 + 1), k // 2, k) for k in range(8)]

    assert plan_memory(buffers) == plan_memory(buffers[::-1])
