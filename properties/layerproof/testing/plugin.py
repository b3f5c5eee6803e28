"""What pytest loads wherever layerproof is installed: options, and the fixture that judges an engine once.

Nothing else of layerproof is imported here, until a test asks for the fixture. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """What may be said for one run, instead of what the classes say."""
    group = parser.getgroup("layerproof", "judging engines by layerproof")
    group.addoption("--layerproof-operations", type=int, metavar="N",
                    help="How many operations at least, where engines are judged at random.")
    group.addoption("--layerproof-seed", type=int, metavar="N", help="The seed of random operations.")
    group.addoption("--layerproof-budget", type=float, metavar="SECONDS",
                    help="Stop judging an engine after so long; what was not judged by then is an error.")
    group.addoption("--layerproof-strict", action="store_true", help="Known deviations are failures, too.")


@pytest.fixture(scope="class")
def layerproof_judged(request: pytest.FixtureRequest, engine: Any) -> Any:
    """What became of each rule and each law of an ``engine``, which is judged once for all tests of a class."""
    from layerproof.errors import LayerproofError

    try:
        return request.cls.layerproof_asked.by(request.config).outcomes(engine)
    except LayerproofError as error:
        wrong = str(error)
    pytest.fail(f"the engine cannot be judged: {wrong}", pytrace=False)
