"""Sentences of refusals that say what came, where the page or verb that tells them is tested elsewhere."""

import pytest

from vestibule.errors import WrongSetting
from vestibule.settings import load


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"VESTIBULE_WORKERS": "0"}, "workers should be 1 or more; got 0."),
        ({"VESTIBULE_POOL": "1"}, "pool should be 2 or more; got 1."),
        ({"VESTIBULE_WORKERS": "-3", "VESTIBULE_POOL": "5"}, "workers should be 1 or more; got -3."),
    ],
)
def test_a_setting_that_is_too_small_is_told_by_name(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        load(given)
    assert refused.value.message == sentence
