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
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(1500, 100),
        runtime=growing(10, 2),
    params:
        code_version=code_version("tile"),
        tile_sizes=settings.tile_sizes,
        enlarged=settings.enlarged,
        folder=f"{RESULTS}/work/tile",
    message:
        "tile {wildcards.group}"
    script:
        "../scripts/tile.py"


rule infer:
    input:
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        rasters=f"{RESULTS}/scaled/{{group}}.parquet",
        lenders=lender_tables("scaled"),
        # A checkout touches weights; their hash among the params tells whether they changed.
        weights=ancient(settings.network_files),
    output:
        f"{RESULTS}/predictions/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/infer/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/infer/{{group}}.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: INFER_THREADS
    resources:
        mem_mb=growing(5000, 200),
        runtime=growing(15, 30),
    params:
        code_version=code_version("infer"),
        model_choice=plain_errors(lambda wildcards: settings.model_choice),
        tile_px=settings.tile_px,
        enlarged=settings.enlarged,
        folder=f"{RESULTS}/work/infer",
    message:
        "infer {wildcards.group}"
    script:
        "../scripts/infer.py"
