rule training_tiles:
    input:
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
        craters=lambda wildcards: needed("training", settings.training).craters,
    output:
        f"{RESULTS}/training/tiles.parquet",
    log:
        f"{RESULTS}/logs/training_tiles.log",
    benchmark:
        f"{RESULTS}/benchmarks/training_tiles.tsv"
    conda:
        "../../envs/networks.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        drawing=settings.drawing,
        body=settings.body,
        folder=subpath(output[0], parent=True),
    message:
        "draw training tiles"
    script:
        "../scripts/training_tiles.py"


rule train:
    input:
        f"{RESULTS}/training/tiles.parquet",
    output:
        weights=f"{RESULTS}/training/model.safetensors",
        metrics=f"{RESULTS}/training/metrics.json",
        curves=f"{RESULTS}/training/curves.png",
        card=f"{RESULTS}/training/model_card.md",
    log:
        f"{RESULTS}/logs/train.log",
    benchmark:
        f"{RESULTS}/benchmarks/train.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 64
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        recipe=settings.recipe,
    message:
        "train the detector"
    script:
        "../scripts/train.py"
