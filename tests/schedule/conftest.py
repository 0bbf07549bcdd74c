"""The schedules of three segments that tests run under."""

import pytest

SCHEDULES = {
    "all": ["save"] * 3,
    "top": ["invert", "save", "save"],
    "bottom": ["save", "save", "invert"],
    "middle": ["invert", "save", "invert"],
    "ends": ["save", "invert", "save"],
    "values": ["keep:out", "invert", "keep"],
    "mixed": ["keep:attended+hidden", "save", "keep:mlp_0.out"],
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES.keys())
def schedule(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)
