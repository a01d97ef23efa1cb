"""Put a network into the zoo, or write anew what is said of it.

    .venv/bin/python models/add.py NAME results/RUN/training --about ABOUT.yaml [--evaluation FIGURES.json]
    .venv/bin/python models/add.py NAME [--about ABOUT.yaml] [--evaluation FIGURES.json]

The first takes the weights of a training, the second keeps those that are there. What ABOUT.yaml holds stands in
docs/models.md; FIGURES.json is that of models/evaluate.py. Writes NAME.safetensors, NAME.json and NAME.md.
"""

import argparse
import sys
from pathlib import Path

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.inference.models.zoo_card import card_path
from orbitile.inference.models.zoo_entry import add_network


def main() -> int:
    """Add the network of the command line; 0, or 1 after an error that is printed in one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the network")
    parser.add_argument("source", type=Path, nargs="?", help="folder of a training, or a .safetensors")
    parser.add_argument("--about", type=Path, help="YAML of what the network is for")
    parser.add_argument("--evaluation", type=Path, help="results/evaluate-models/figures.json")
    parser.add_argument("--sets", nargs="+", default=(), help="its images in FIGURES.json, the ones it is for first")
    arguments = parser.parse_args()
    try:
        network = add_network(**vars(arguments))
    except (OrbitileError, OSError) as error:
        print(reason_of(error), file=sys.stderr)
        return 1
    print(f"{network.weights}, .json and .md written; {card_path(network).name} is what users see")
    return 0


if __name__ == "__main__":
    sys.exit(main())
