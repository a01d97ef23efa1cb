rule georeference:
    input:
        lambda wildcards: (
            f"{RESULTS}/isis/{wildcards.group}.parquet"
            if plan.group(wildcards.group).has_isis
            else []
        ),
    output:
        f"{RESULTS}/georeferenced/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/georeference/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/georeference/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(1500, 200),
        runtime=growing(10, 10),
    params:
        code_version=code_version("georeference"),
        plan=PLAN,
        # Changes with the group's scenes and their images. As inputs, thousands of images would
        # cost Snakemake more than all its jobs.
        version=lambda wildcards: plan.group(wildcards.group).version,
        body=settings.body,
        target_grid=settings.target_grid,
        stretch=settings.stretch,
        merge_options=settings.merge_options,
        in_place=settings.georeferencing.in_place,
        folder=f"{RESULTS}/rasters",
    message:
        "georeference {wildcards.group}"
    script:
        "../scripts/georeference.py"


rule downsample:
    input:
        rasters=f"{RESULTS}/georeferenced/{{group}}.parquet",
        lenders=lender_tables("georeferenced"),
    output:
        f"{RESULTS}/scaled/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/downsample/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/downsample/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(1500, 100),
        runtime=growing(10, 5),
    params:
        code_version=code_version("downsample"),
        scales={
            scale.gsd_m: factor
            for scale, factor in zip(settings.scales, settings.factors)
        },
        folder=f"{RESULTS}/rasters",
    message:
        "downsample {wildcards.group}"
    script:
        "../scripts/downsample.py"
