"""What the tests of checkpoints share."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def what_other_tests_have_loaded_is_left_out_of_each_collection():
    """Keep `gc.collect`, which lets go of kits here, from searching a whole suite each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
