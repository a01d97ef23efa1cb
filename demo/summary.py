"""Say what `make demo` made and how good it is."""

import json
from pathlib import Path

RESULTS = Path("results/demo")

if __name__ == "__main__":
    metrics = json.loads((RESULTS / "evaluation" / "metrics.json").read_text())
    print(
        f"\n{metrics['n_found']} craters of {metrics['min_diameter_km']:.0f} km and more found, "
        f"{metrics['n_truth']} in the truth table.\n"
        f"F1 {metrics['f1']:.3f}, precision {metrics['precision']:.3f}, recall {metrics['recall']:.3f} "
        f"at IoU {metrics['iou']:g}.\n\n"
        f"Catalogue   {RESULTS}/catalogue/craters.gpkg (.parquet, .shp)\n"
        f"Picture     {RESULTS}/catalogue/craters.png\n"
        f"Each scene  {RESULTS}/annotated/*.png (blue: right, orange: false, yellow: missed)\n"
        f"Figures     {RESULTS}/evaluation/metrics.json, metrics.png"
    )
