"""Programs that stand in for those of ISIS: they record how they were called, and write cubes that GDAL reads.

Nothing in them is ISIS's, and no pixel was computed.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = "8.3.0"
ORDERS = "orders.json"
CALLS = "calls.jsonl"

PROGRAM = '''#!{python} -SE
import json, os, signal, struct, subprocess, sys, time
from pathlib import Path

root = Path({root!r})
program = Path(sys.argv[0]).name
given = dict(argument.split("=", 1) for argument in sys.argv[1:])
read = {{name: Path(given[name]).read_bytes() for name in ("from", "map", "model") if name in given}}
call = dict(program=program, arguments=sys.argv[1:], folder=os.getcwd(), data=os.environ.get("ISISDATA"),
            read={{name: content.decode("latin-1")[:2000] for name, content in read.items()}}, pid=os.getpid())
with (root / "{calls}").open("a") as calls:
    calls.write(json.dumps(call) + "\\n")
order = json.loads((root / "{orders}").read_text()).get(program)
print(program + ": Working\\n0% Processed\\r100% Processed", flush=True)
if order == "error":
    print("**USER ERROR** Unable to do it.\\n**I/O ERROR** Unable to open [it].", file=sys.stderr)
    sys.exit(3)
if order == "silent":
    sys.exit(0)
if order == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if order == "hang":
    child = subprocess.Popen([sys.executable, "-SE", "-c", "import time; time.sleep(60)"])
    (root / "child").write_text(str(child.pid))
    child.wait()
if order == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
with open("print.prt", "a") as log:
    log.write(program + "\\n")
if program == "cam2map":
    mapping = read["map"].decode().split("End_Group")[0]
    label = """Object = IsisCube
  Object = Core
    StartByte = 8193
    Format = BandSequential
    Group = Dimensions
      Samples = 3
      Lines = 2
      Bands = 1
    End_Group
    Group = Pixels
      Type = Real
      ByteOrder = Lsb
      Base = 0.0
      Multiplier = 1.0
    End_Group
  End_Object
""" + mapping + """
    UpperLeftCornerX = 1000.0 <meters>
    UpperLeftCornerY = 2000.0 <meters>
  End_Group
End_Object
End
"""
    Path(given["to"]).write_bytes(label.encode().ljust(8192, b"\\0") + struct.pack("<6f", *range(1, 7)))
elif "to" in given:
    Path(given["to"]).write_bytes(program.encode() + b" of " + read["from"])
'''


@dataclass(frozen=True)
class FakeIsis:
    """A folder of such programs, and what was asked of them."""

    root: Path

    @classmethod
    def install(cls, root, programs):
        """Make programs of the given names in root/bin."""
        text = PROGRAM.format(python=sys.executable, root=str(root), calls=CALLS, orders=ORDERS)
        (root / "bin").mkdir(parents=True)
        (root / "data").mkdir()
        (root / "isis_version.txt").write_text(f"{VERSION} # Public version number\n2025-01-01 # Release date\n")
        for name in programs:
            path = root / "bin" / name
            path.write_text(text)
            path.chmod(0o755)
        fake = cls(root)
        fake.order()
        return fake

    @property
    def variables(self):
        """What must be in the environment."""
        return dict(ISISROOT=str(self.root), ISISDATA=str(self.root / "data"))

    def activate(self, monkeypatch):
        """Put the programs before all others on the PATH, and what they need into the environment."""
        monkeypatch.setenv("PATH", str(self.root / "bin"), prepend=os.pathsep)
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)

    def order(self, **orders):
        """What programs are to do instead of their work: error, silent, killed, hang, deaf."""
        (self.root / ORDERS).write_text(json.dumps(orders))

    @property
    def calls(self):
        """How they were called, in order."""
        path = self.root / CALLS
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
