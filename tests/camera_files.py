"""Where the cameras' reference data lie."""

from pathlib import Path

CAMERA = Path(__file__).parent / "data" / "camera"
CTX, HIRISE, LRO_NAC, MDIS, USGSCSM = (CAMERA / name for name in ("ctx", "hirise", "lro_nac", "mdis", "usgscsm"))
NAC_SIZE = (5064, 52224)
"""Width and height of the strip whose positions and attitudes lro_isis_isd.json holds."""
