"""Random commands of every kind beside a model: a short form of the benchmark `churn`."""

from __future__ import annotations

import pytest

from ..benchmarks.churn import CHORES_EVERY, Churn


@pytest.mark.parametrize("seed", [1, 2])
def test_all_data_are_the_models(seed: int) -> None:
    """Every reply, all values and deadlines at the end, and the account of memory."""
    churn = Churn(seed, keys=100)
    for number in range(10_000):
        churn.step()
        if number % CHORES_EVERY == 0:
            churn.chores()
    churn.check()
