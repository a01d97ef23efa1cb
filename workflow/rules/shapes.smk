rule shapes:
    input:
        catalogue=MANIFEST,
        elevation=needed_files(
            "crater_shapes",
            settings.crater_shapes and settings.crater_shapes.elevation,
        ),
    output:
        summary=f"{RESULTS}/shapes/shapes.json",
        table=f"{RESULTS}/shapes/shapes.parquet",
        csv=f"{RESULTS}/shapes/shapes.csv",
        depths=report(f"{RESULTS}/shapes/depths.png", category="Shapes of craters"),
        profiles=report(f"{RESULTS}/shapes/profiles.png", category="Shapes of craters"),
    log:
        f"{RESULTS}/logs/shapes.log",
    benchmark:
        f"{RESULTS}/benchmarks/shapes.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(240, 10),
    params:
        code_version=code_version("shapes"),
        user_files=lambda wildcards: user_files(
            *(settings.crater_shapes.elevation if settings.crater_shapes else ())
        ),
        limits=settings.shape_limits,
    message:
        "shapes of craters from elevation"
    script:
        "../scripts/shapes.py"
