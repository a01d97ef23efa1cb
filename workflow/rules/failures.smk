rule failures:
    log:
        f"{RESULTS}/logs/failures.log",
    conda:
        "../../envs/rasters.yaml"
    params:
        results=RESULTS,
    message:
        "what failed in {params.results}, and how to run it again"
    script:
        "../scripts/failures.py"
