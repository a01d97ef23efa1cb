"""Whether ISIS is installed for the instruments' raw images.

Asked whenever the graph of a run is built: the instruments, and the cameras behind them, are imported only where ISIS's
variables are set.
"""

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.isis.programs import check_programs, check_variables


def isis_enabled(choice: str) -> bool:
    """Whether ISIS may be used: if the setting `georeferencing.isis` is "auto", and ISIS is installed."""
    return choice == "auto" and is_installed()


def is_installed() -> bool:
    """Whether ISIS is installed for at least one instrument."""
    try:
        check_variables()
    except OrbitileError:
        return False
    from orbitile.georeferencing.instruments.registry import instrument_names

    return any(isis_available(name) for name in instrument_names())


def isis_available(name: str) -> bool:
    """Whether ISIS can process images of an instrument (by its name); False for an unknown instrument."""
    from orbitile.georeferencing.instruments.registry import find_instrument

    try:
        instrument = find_instrument(name)
        check_programs(name, instrument.isis.names)
    except OrbitileError:
        return False
    return True
