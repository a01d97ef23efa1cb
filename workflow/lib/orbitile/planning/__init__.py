"""From the scene table and the image headers to the plan that a run follows."""
