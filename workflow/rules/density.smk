rule density:
    input:
        catalogue=on_map_for("density", MANIFEST),
        completeness=COMPLETENESS,
    output:
        figures=f"{RESULTS}/density/density.json",
        cells=f"{RESULTS}/density/density.tif",
        kernel=f"{RESULTS}/density/kernel.tif",
        table=f"{RESULTS}/density/density.parquet",
        picture=report(f"{RESULTS}/density/density.png", category="Density"),
    log:
        f"{RESULTS}/logs/density.log",
    benchmark:
        f"{RESULTS}/benchmarks/density.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("density"),
        choice=settings.density.model_dump(),
        limits=settings.search_limits,
    message:
        "density of craters"
    script:
        "../scripts/density.py"


rule secondaries:
    input:
        catalogue=on_map_for("secondaries", MANIFEST),
        completeness=COMPLETENESS,
    output:
        figures=f"{RESULTS}/secondaries/secondaries.json",
        parquet=f"{RESULTS}/secondaries/craters.parquet",
        geopackage=f"{RESULTS}/secondaries/craters.gpkg",
        groups=f"{RESULTS}/secondaries/groups.csv",
        rays=f"{RESULTS}/secondaries/rays.csv",
        picture=report(f"{RESULTS}/secondaries/secondaries.png", category="Density"),
    log:
        f"{RESULTS}/logs/secondaries.log",
    benchmark:
        f"{RESULTS}/benchmarks/secondaries.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code_version=code_version("secondaries"),
        choice=settings.secondaries.model_dump(),
    message:
        "clusters and rays of craters"
    script:
        "../scripts/secondaries.py"
