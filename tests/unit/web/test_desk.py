"""What a process makes for its consultations."""

import os
from uuid import UUID

import pytest

from cds_service.web.desk import new_uuid


def test_uuids_are_random_and_never_the_same() -> None:
    made = [new_uuid() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {UUID(each).version for each in made} == {4}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads of other tests
def test_a_process_that_was_forked_makes_others() -> None:
    new_uuid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_uuid().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 36).decode() != new_uuid()
    os.close(reading)
    os.close(writing)
