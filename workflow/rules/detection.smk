rule untile:
    input:
        raw=f"{RESULTS}/raw/{{group}}.parquet",
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        rasters=f"{RESULTS}/scaled/{{group}}.parquet",
    output:
        f"{RESULTS}/detections/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/untile/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/untile/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(1000, 500),
        runtime=growing(10, 5),
    params:
        duties=settings.duties,
        body=settings.body,
    message:
        "untile {wildcards.group}"
    script:
        "../scripts/untile.py"


rule suppress:
    input:
        f"{RESULTS}/detections/{{group}}.parquet",
        lambda wildcards: expand(
            f"{RESULTS}/detections/{{group}}.parquet",
            group=chain(*plan.rings(wildcards.group, settings.rings)),
        ),
    output:
        f"{RESULTS}/suppressed/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/suppress/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/suppress/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    threads: 2
    resources:
        mem_mb=growing(1000, 500),
        runtime=growing(10, 5),
    params:
        plan=PLAN,
        rules=settings.suppression_rules,
        body=settings.body,
    message:
        "suppress {wildcards.group}"
    script:
        "../scripts/suppress.py"
