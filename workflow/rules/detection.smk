rule tile:
    input:
        f"{RESULTS}/scaled/{{group}}.parquet",
    output:
        f"{RESULTS}/tiles/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/tile/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tile/{{group}}.tsv"
    conda:
        "../../envs/orbitile.yaml"
    params:
        sizes=settings.tile_sizes,
    message:
        "tile {wildcards.group}"
    script:
        "../scripts/tile.py"


rule infer:
    input:
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        rasters=f"{RESULTS}/scaled/{{group}}.parquet",
        # A checkout touches weights; their hash among the params tells whether they changed.
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/raw/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/infer/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/infer/{{group}}.tsv"
    conda:
        "../../envs/orbitile.yaml"
    threads: 8
    params:
        choice=lambda wildcards: settings.model_choice,
        tile_px=settings.tile_px,
    message:
        "infer {wildcards.group}"
    script:
        "../scripts/infer.py"


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
        "../../envs/orbitile.yaml"
    params:
        duties=settings.duties,
        body=settings.body,
    message:
        "untile {wildcards.group}"
    script:
        "../scripts/untile.py"


rule suppress:
    input:
        own=f"{RESULTS}/detections/{{group}}.parquet",
        neighbours=lambda wildcards: expand(
            f"{RESULTS}/detections/{{group}}.parquet",
            group=plan.neighbours(wildcards.group),
        ),
    output:
        f"{RESULTS}/suppressed/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/suppress/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/suppress/{{group}}.tsv"
    conda:
        "../../envs/orbitile.yaml"
    params:
        rules=settings.suppression_rules,
        body=settings.body,
    message:
        "suppress {wildcards.group}"
    script:
        "../scripts/suppress.py"
