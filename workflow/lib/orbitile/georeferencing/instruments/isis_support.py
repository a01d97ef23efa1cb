"""Whether ISIS is installed for the instruments' raw images."""

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.registry import find_instrument, instrument_names
from orbitile.georeferencing.isis.programs import check_programs


def isis_enabled(choice: str) -> bool:
    """Whether ISIS may be used: if the setting `georeferencing.isis` is "auto", and ISIS is installed."""
    return choice == "auto" and is_installed()


def is_installed() -> bool:
    """Whether ISIS is installed for at least one instrument."""
    return any(isis_available(name) for name in instrument_names())


def isis_available(name: str) -> bool:
    """Whether ISIS can process images of an instrument (by its name); False for an unknown instrument."""
    try:
        instrument = find_instrument(name)
        check_programs(name, instrument.isis.names)
    except OrbitileError:
        return False
    return True
