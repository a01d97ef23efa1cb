rule georeference:
    input:
        images=lambda wildcards: plan.paths(wildcards.group),
    output:
        f"{RESULTS}/georeferenced/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/georeference/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/georeference/{{group}}.tsv"
    conda:
        "../../envs/orbitile.yaml"
    params:
        scenes=lambda wildcards: plan.scenes(wildcards.group),
        crs=settings.crs,
        gsd_m=settings.finest_m,
        stretch_percentiles=settings.stretch_percentiles,
        folder=f"{RESULTS}/rasters",
    message:
        "georeference {wildcards.group}"
    script:
        "../scripts/georeference.py"


rule downsample:
    input:
        f"{RESULTS}/georeferenced/{{group}}.parquet",
    output:
        f"{RESULTS}/scaled/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/downsample/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/downsample/{{group}}.tsv"
    conda:
        "../../envs/orbitile.yaml"
    params:
        scales={
            scale.gsd_m: factor
            for scale, factor in zip(settings.scales, settings.factors)
        },
        folder=f"{RESULTS}/rasters",
    message:
        "downsample {wildcards.group}"
    script:
        "../scripts/downsample.py"
